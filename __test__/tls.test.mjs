// TLS with a certificate authority of the tests' own, against a real mongod.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { createServer } from 'node:tls'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { newAuthority } from './certificates.mjs'
import {
  SILENCE,
  afterwards,
  failure,
  heard,
  loggedIn,
  newSession,
  openStore,
  runProgram,
  until,
} from './support.mjs'

const PASSWORD = 'pass-7YtQ2'
const authority = newAuthority('authority of the servers')
const stranger = newAuthority('authority of nobody')
const HOSTS = ['localhost', '127.0.0.1']

let folder
let mongod

/** Writes a file for the options, and answers its path. */
async function file(name, text) {
  const path = join(folder, name)
  await writeFile(path, text, { mode: 0o600 })
  return path
}

/** A mongod that speaks nothing but TLS. */
async function startTls(server, ...args) {
  const files = ['--tlsCertificateKeyFile', server, '--tlsCAFile', join(folder, 'ca.pem')]
  return startMongod({ args: ['--tlsMode', 'requireTLS', ...files, ...args] })
}

const WITHOUT_CLIENT_CERTIFICATE = '--tlsAllowConnectionsWithoutCertificates'

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-tls-'))
  await file('ca.pem', authority.pem)
  await file('stranger.pem', stranger.pem)
  const server = authority.issue({ OU: 'servers', CN: 'localhost' }, { hosts: HOSTS })
  mongod = await startTls(await file('server.pem', server), WITHOUT_CLIENT_CERTIFICATE)
})

after(async () => {
  await mongod?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** The connection string of a server with these options; a value that is a file's name is its path. */
function withTls(options = {}, { host = 'localhost', port = mongod.port } = {}) {
  const given = Object.entries({ tls: true, ...options }).filter(([, value]) => value !== undefined)
  const query = given.map(([name, value]) => {
    const path = String(value).endsWith('.pem') ? join(folder, value) : value
    return `${name}=${encodeURIComponent(path)}`
  })
  return `mongodb://${host}:${port}/express_sessions?${query.join('&')}`
}

async function assertWorks(t, uri) {
  const store = await loggedIn(() => openStore(t, { uri }))
  await store.set('sid', newSession({ user: 'me' }))
  assert.equal((await store.get('sid')).user, 'me')
  await store.destroy('sid')
}

function isSilence({ message, cause }) {
  return SILENCE.test(`${message} ${cause?.message}`)
}

/** The reason that a store gives for not reaching its server. */
async function trouble(t, uri) {
  const store = openStore(t, { uri: `${uri}&serverSelectionTimeoutMS=1000` })
  await until(() => store.events.length > 0, 'the error event')
  const [{ name, value }] = store.events
  assert.equal(name, 'error')
  const errors = [value, await failure(store.get('sid'))]
  if (errors.some(isSilence)) {
    // The machine stood still before anything was heard of the server.
    await store.close()
    return trouble(t, uri)
  }
  const [first, second] = errors.map(({ code, message, cause }) => {
    assert.equal(code, 'ERR_STORE_CONNECTION')
    return [message, cause?.message].join('\n')
  })
  assert.equal(first, second)
  assert.ok(!first.includes(PASSWORD), first)
  return first
}

/** Runs a program that saves and loads a session, with these variables in its environment. */
function saveAndLoad(uri, env) {
  const program = `
    const options = { uri: ${JSON.stringify(uri)}, operationTimeout: 30_000 }
    const store = new MongoSessionStore(options)
    store.on('error', (error) => console.error(error.message, error.cause?.message))
    try {
      await store.set('child', { cookie: { originalMaxAge: 60_000 }, user: 'me' })
      console.log((await store.get('child')).user)
    } catch (error) {
      console.log(error.code)
      console.error(error.message, error.cause?.message)
    }
    await store.close()`
  return heard(() => runProgram(program, { env: { ...process.env, ...env } }))
}

test('tlsCAFile names the authority to trust, for a name and for an address', async (t) => {
  await assertWorks(t, withTls({ tlsCAFile: 'ca.pem' }))
  await assertWorks(t, withTls({ tlsCAFile: 'ca.pem' }, { host: '127.0.0.1' }))
  await assertWorks(t, withTls({ tlsCAFile: 'ca.pem', tls: undefined, ssl: true }))
})

test('a path with special characters is percent-encoded', async (t) => {
  const name = 'a b+c&d=é.pem'
  await file(name, authority.pem)
  await assertWorks(t, withTls({ tlsCAFile: name }))
})

test('NODE_EXTRA_CA_CERTS is trusted as Node trusts it', async () => {
  const NODE_EXTRA_CA_CERTS = join(folder, 'ca.pem')
  const { stdout, stderr } = await saveAndLoad(withTls(), { NODE_EXTRA_CA_CERTS })
  assert.equal(stdout.trim(), 'me', stderr)
})

test('the authorities of the system are trusted', async () => {
  const { stdout, stderr } = await saveAndLoad(withTls(), { SSL_CERT_FILE: join(folder, 'ca.pem') })
  assert.equal(stdout.trim(), 'me', stderr)
})

test('without one of them, an unknown authority is not trusted', async () => {
  const { stdout, stderr } = await saveAndLoad(withTls(), { NODE_EXTRA_CA_CERTS: '' })
  assert.match(stdout, /ERR_STORE/)
  assert.match(stderr, /certificate/)
})

test('beside tlsCAFile no other authority is trusted', async () => {
  const env = { NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') }
  const { stdout, stderr } = await saveAndLoad(withTls({ tlsCAFile: 'stranger.pem' }), env)
  assert.match(stdout, /ERR_STORE/)
  assert.match(stderr, /UnknownIssuer/)
})

test('a certificate for another host is refused', async (t) => {
  const pem = authority.issue({ CN: 'elsewhere' }, { hosts: ['elsewhere.example.org'] })
  const other = await startTls(await file('elsewhere.pem', pem), WITHOUT_CLIENT_CERTIFICATE)
  afterwards(t, () => other.stop())
  const { port } = other
  const reason = await trouble(t, withTls({ tlsCAFile: 'ca.pem' }, { port }))
  assert.match(reason, /not valid for name "localhost"/)
  await assertWorks(t, withTls({ tlsCAFile: 'ca.pem', tlsInsecure: true }, { port }))
  await assertWorks(t, withTls({ tlsAllowInvalidCertificates: true }, { port }))
})

test('a certificate that has expired is refused', async (t) => {
  // A mongod does not start with one; what the store sees of it ends with the handshake.
  const pem = authority.issue({ CN: 'me' }, { hosts: HOSTS, until: Date.now() - 60_000 })
  const server = createServer({ cert: pem, key: pem }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address()
  assert.match(await trouble(t, withTls({ tlsCAFile: 'ca.pem' }, { port })), /expired/)
})

test('a certificate of another authority is refused', async (t) => {
  const reason = await trouble(t, withTls({ tlsCAFile: 'stranger.pem' }))
  assert.match(reason, /UnknownIssuer/)
  await assertWorks(t, withTls({ tlsInsecure: true }))
})

test('a server that speaks TLS only is not reached without it', async (t) => {
  await trouble(t, withTls({ tls: false }))
})

test('a file that cannot be used is named by its option', async (t) => {
  await file('nothing.pem', 'nothing')
  await file('no-key.pem', authority.issue({ CN: 'me' }).replace(/-----BEGIN PRIVATE[^]*/, ''))
  const cases = [
    [{ tlsCAFile: 'missing.pem' }, /'tlsCAFile' cannot be read/],
    [{ tlsCAFile: 'nothing.pem' }, /'tlsCAFile' holds no certificate/],
    [{ tlsCertificateKeyFile: 'missing.pem' }, /'tlsCertificateKeyFile' cannot be read/],
    [{ tlsCertificateKeyFile: 'nothing.pem' }, /'tlsCertificateKeyFile' holds no certificate/],
    [{ tlsCertificateKeyFile: 'no-key.pem' }, /'tlsCertificateKeyFile' does not hold/],
  ]
  for (const [options, reason] of cases) assert.match(await trouble(t, withTls(options)), reason)
})

test('a file that is mended is read again', async (t) => {
  const store = openStore(t, { uri: withTls({ tlsCAFile: 'late.pem' }) })
  await until(() => store.events.length > 0, 'the error event')
  await file('late.pem', authority.pem)
  await until(() => store.connected, 'the connection')
  await store.set('sid', newSession())
})

test('a client certificate is shown, whether its key is encrypted or not', async (t) => {
  const strict = await startTls(join(folder, 'server.pem'))
  afterwards(t, () => strict.stop())
  const { port } = strict
  await file('client.pem', authority.issue({ CN: 'me' }))
  await file('locked.pem', authority.issue({ CN: 'me' }, { passphrase: PASSWORD }))
  await file('strange.pem', stranger.issue({ CN: 'me' }))
  const client = (name, password) =>
    withTls(
      {
        tlsCAFile: 'ca.pem',
        tlsCertificateKeyFile: name,
        ...(password && { tlsCertificateKeyFilePassword: password }),
      },
      { port },
    )
  await assertWorks(t, client('client.pem'))
  await assertWorks(t, client('client.pem', 'not needed'))
  await assertWorks(t, client('locked.pem', PASSWORD))
  assert.match(await trouble(t, client('locked.pem')), /needs 'tlsCertificateKeyFilePassword'/)
  assert.match(
    await trouble(t, client('locked.pem', `${PASSWORD}x`)),
    /'tlsCertificateKeyFilePassword' is wrong/,
  )
  await trouble(t, client('strange.pem'))
  await trouble(t, withTls({ tlsCAFile: 'ca.pem' }, { port }))
})

test('a client that has read its certificates is taken over with their files', async (t) => {
  const strict = await startTls(join(folder, 'server.pem'))
  afterwards(t, () => strict.stop())
  await file('own.pem', authority.issue({ CN: 'me' }))
  const files = { tlsCAFile: 'ca.pem', tlsCertificateKeyFile: 'own.pem' }
  for (const uri of [withTls({ tlsCAFile: 'ca.pem' }), withTls(files, { port: strict.port })]) {
    const client = new MongoClient(uri)
    afterwards(t, () => client.close())
    await client.connect()
    const store = await loggedIn(() => openStore(t, { client, collection: 'taken_over' }))
    await store.set('sid', newSession({ user: 'me' }))
    assert.equal((await client.db().collection('taken_over').findOne()).session.user, 'me')
  }
})
