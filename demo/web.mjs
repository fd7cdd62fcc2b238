import { once } from 'node:events'
import { createServer } from 'node:http'
import { createApp } from './app.mjs'
import { store } from './store.mjs'

const server = createServer(createApp({ store }))

/** Settles when the server, and then the store, are closed; rejects if the server cannot listen. */
export const closed = once(server, 'close').finally(() => store.close())

server.listen(process.env.PORT ?? 3000, () => {
  console.log(`  Demo      http://localhost:${server.address().port}`)
  console.log('  Stop      Ctrl-C\n')
})

// A terminal and npm may each send the signal; the second one changes nothing.
function shutdown() {
  if (server.listening) server.close()
}
process.on('SIGTERM', shutdown)
process.on('SIGINT', shutdown)
