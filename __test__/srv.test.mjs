// A name that DNS translates into hosts and options: a real mongod behind a name server of the
// test's own. Whom a process asks is said by a file of the system, so the program runs where that
// file is another one, which takes Linux and the right to mount.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { heard, ownMongod, runProgram } from './support.mjs'

/** A loopback address on which no machine has a name server of its own. */
const NAME_SERVER = '127.83.82.86'
const RESOLV_CONF = '/etc/resolv.conf'
const [A, TXT, SRV] = [1, 16, 33]
const ROOT = { user: 'root', password: 'pass-7YtQ2' }

const uint16 = (...values) => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]))
const labels = (name) => Buffer.concat([...name.split('.').map(counted), Buffer.from([0])])
const counted = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])

/** Answers queries from `records`: `{ 'name type': data }`, data being a Buffer. */
async function nameServer(t, records) {
  const socket = createSocket('udp4')
  socket.on('message', (query, { address, port }) => {
    let end = 12
    const name = []
    while (query[end] > 0) {
      name.push(query.toString('latin1', end + 1, end + 1 + query[end]))
      end += query[end] + 1
    }
    end += 5
    const type = query.readUInt16BE(end - 4)
    const data = records[`${name.join('.').toLowerCase()} ${type}`]
    const header = uint16(query.readUInt16BE(0), 0x8580, 1, data ? 1 : 0, 0, 0)
    // 0xc00c points at the name in the question; 60 seconds to live.
    const answer = data ? [uint16(0xc00c, type, 1, 0, 60, data.length), data] : []
    socket.send(Buffer.concat([header, query.subarray(12, end), ...answer]), port, address)
  })
  socket.bind(53, NAME_SERVER)
  await once(socket, 'listening')
  t.after(() => socket.close())
}

/** Why a program cannot be given a name server here, or false. */
function obstacle() {
  if (process.platform !== 'linux') return 'only Linux gives a process files of its own'
  if (process.getuid() !== 0) return 'mounting and port 53 take the rights of root'
  try {
    const mount = `mount --bind /dev/null ${RESOLV_CONF}`
    execFileSync('unshare', ['--mount', 'sh', '-c', mount], { stdio: 'ignore' })
    return false
  } catch {
    return 'this machine does not let root mount anything'
  }
}

test(
  'SRV and TXT records lead to the server and its authSource',
  { skip: obstacle() },
  async (t) => {
    const mongod = await ownMongod(t, { auth: ROOT })
    await nameServer(t, {
      [`_mongodb._tcp.cluster.sessions.test ${SRV}`]: Buffer.concat([
        uint16(0, 0, mongod.port),
        labels('db.sessions.test'),
      ]),
      [`cluster.sessions.test ${TXT}`]: counted('authSource=admin'),
      [`db.sessions.test ${A}`]: Buffer.from([127, 0, 0, 1]),
    })
    const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-srv-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const resolvConf = join(folder, 'resolv.conf')
    await writeFile(resolvConf, `nameserver ${NAME_SERVER}\n`)
    const uri = (name) =>
      `mongodb+srv://${ROOT.user}:${ROOT.password}@${name}.sessions.test/express_sessions?tls=false`
    const source = `
    for (const uri of ${JSON.stringify([uri('cluster'), uri('nobody')])}) {
      const store = new MongoSessionStore({ uri, operationTimeout: 30_000 })
      store.on('error', (error) => console.error(error.message, error.cause?.message))
      const saved = store.set('sid', { cookie: { originalMaxAge: 60_000 } })
      console.log(await saved.then(() => 'saved', (error) => error.code))
      await store.close()
    }`
    const mount = `mount --bind '${resolvConf}' '${RESOLV_CONF}' && exec "$0" "$@"`
    const within = ['unshare', '--mount', 'sh', '-c', mount]
    const { stdout, stderr } = await heard(() => runProgram(source, { within }))
    assert.equal(stdout, 'saved\nERR_STORE_CONNECTION\n', stderr)
  },
)
