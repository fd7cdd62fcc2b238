// Serves the demo on this machine alone, until it is told to end.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createApp } from './app.mjs'
import { Outage } from './outage.mjs'
import { createShop } from './shop.mjs'
import { client, closeStores, connectMongo, store, stores } from './store.mjs'

const outage = new Outage(process.env.DEMO_MONGOD_PID)
const shop = createShop({ stores, connectMongo, client, outage })
const server = createServer(createApp({ store, shop: shop.routes }))

/** Settles when the server, and then the stores, are closed; rejects if the server cannot listen. */
export const closed = once(server, 'close').finally(closeStores)

server.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`  Demo      http://localhost:${server.address().port}`)
  console.log('  Stop      Ctrl-C\n')
})

// A terminal and npm may each send the signal; the second one changes nothing.
function shutdown() {
  if (!server.listening) return
  server.close()
  outage.end()
  shop.end()
}
process.on('SIGTERM', shutdown)
process.on('SIGINT', shutdown)
