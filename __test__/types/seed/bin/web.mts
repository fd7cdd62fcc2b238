// Don't forget to close the db connection on shutdown
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { app } from '../app.mjs'
import { store as mongoStore } from '../store.mjs'

const server = createServer(app)
server.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${(server.address() as AddressInfo).port}`)
})

function shutdownHandler(_sig: any, _n: any) {
  if (server != null) server.close()
  mongoStore.close()
}

process.on('SIGTERM', shutdownHandler)
process.on('SIGINT', shutdownHandler)
