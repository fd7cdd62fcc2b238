// A server at a distance: passes connections on to a port of this machine, with everything in either
// direction later by half a round trip. A process of its own, so that it waits for nobody who is measured.
import { connect, createServer } from 'node:net'

const { port, distance } = JSON.parse(process.argv[2])

process.once('disconnect', () => process.exit())
const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ port, host: '127.0.0.1', noDelay: true })
  forward(client, upstream)
  forward(upstream, client)
})
server.listen(0, '127.0.0.1', () => process.send({ type: 'ready', port: server.address().port }))

/** Timers of one length end in the order in which they began, and so what is passed on keeps its own. */
function forward(from, to) {
  from.on('data', (chunk) => setTimeout(() => to.write(chunk), distance / 2))
  from.on('close', () => setTimeout(() => to.destroy(), distance / 2))
  from.on('error', () => {})
}
