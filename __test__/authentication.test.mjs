// Logging in, against real mongods that demand it.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { withUser } from '../scripts/mongodb-uri.mjs'
import { newAuthority } from './certificates.mjs'
import { PATIENT, failure, loggedIn, newSession, openStore, until } from './support.mjs'

const ROOT = { user: 'root', password: 'pass-7YtQ2' }
/** Every character that has a meaning in a connection string, and one that is not ASCII. */
const USER = { user: 'me:/?#[]@%&=+ é', password: 'p:/?#[]@%&=+ é-9Kx' }
const MECHANISMS = ['SCRAM-SHA-1', 'SCRAM-SHA-256']
const DATABASE = 'express_sessions'

let folder
let mongod
let root

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-auth-'))
  const authority = newAuthority('authority')
  const server = authority.issue({ OU: 'servers', CN: 'localhost' }, { hosts: ['localhost'] })
  const files = {
    'ca.pem': authority.pem,
    'server.pem': server,
    'known.pem': authority.issue({ OU: 'applications', CN: 'known' }),
    'unknown.pem': authority.issue({ OU: 'applications', CN: 'unknown' }),
  }
  for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, name), pem)
  const names = { '--tlsCertificateKeyFile': 'server.pem', '--tlsCAFile': 'ca.pem' }
  const tls = Object.entries(names).flatMap(([option, name]) => [option, join(folder, name)])
  const mechanisms = `authenticationMechanisms=${MECHANISMS.join(',')},MONGODB-X509`
  mongod = await startMongod({
    auth: ROOT,
    // With `allowTLS` it speaks without TLS too.
    args: ['--tlsMode', 'allowTLS', ...tls, '--setParameter', mechanisms],
  })
  root = await MongoClient.connect(mongod.uri)
  const roles = [{ role: 'readWrite', db: DATABASE }]
  for (const mechanism of MECHANISMS) {
    const { user, password: pwd } = userOf(mechanism)
    await root.db(DATABASE).command({ createUser: user, pwd, roles, mechanisms: [mechanism] })
  }
  const x509 = 'CN=known,OU=applications'
  await root.db('$external').command({ createUser: x509, roles })
})

after(async () => {
  await root?.close()
  await mongod?.stop()
  await rm(folder, { recursive: true, force: true })
})

const userOf = (mechanism) => ({ ...USER, user: `${USER.user}${mechanism}` })

const address = (query = '') => `mongodb://127.0.0.1:${mongod.port}/${DATABASE}?${query}`

async function assertWorks(t, uri) {
  const store = await loggedIn(() => openStore(t, { uri, ...PATIENT }))
  await store.set('sid', newSession({ user: 'me' }))
  assert.equal((await store.get('sid')).user, 'me')
  assert.deepEqual(store.events, [])
}

/** Asserts that a store says at once, and in every way it has, that it could not log in. */
async function assertRefused(t, uri) {
  const store = openStore(t, { uri, operationTimeout: 60_000 })
  const error = await failure(store.get('sid'))
  await until(() => store.events.length > 0, 'the error event')
  for (const each of [error, ...store.events.map(({ value }) => value)]) {
    assert.equal(each.code, 'ERR_STORE_CONNECTION')
    const told = [each.stack, each.cause?.stack].join('\n')
    assert.match(told, /did not accept the credentials/)
    assert.ok(!/9Kx|7YtQ2|me:/.test(told), told)
  }
}

/** Sets variables of the environment for the time of a test. */
function setEnvironment(t, variables) {
  Object.assign(process.env, variables)
  t.after(() => Object.keys(variables).forEach((name) => delete process.env[name]))
}

for (const mechanism of MECHANISMS) {
  test(`${mechanism} logs in, by its name and by negotiation`, async (t) => {
    await assertWorks(t, withUser(address(`authMechanism=${mechanism}`), userOf(mechanism)))
    await assertWorks(t, withUser(address(), userOf(mechanism)))
    await assertWorks(t, withUser(address('authMechanism=DEFAULT'), userOf(mechanism)))
  })
}

test('the user is looked up in authSource, else in the database of the path', async (t) => {
  await assertWorks(t, withUser(address('authSource=admin'), ROOT))
  await assertWorks(t, mongod.uri)
  await assertRefused(t, withUser(address(), ROOT))
  await assertRefused(t, withUser(address('authSource=elsewhere'), userOf(MECHANISMS[0])))
})

test('a wrong password, user or mechanism is told without delay and without a secret', async (t) => {
  const [user, other] = MECHANISMS.map(userOf)
  await assertRefused(t, withUser(address(), { ...user, password: `${user.password}x` }))
  await assertRefused(t, withUser(address(), { ...user, user: `${user.user}x` }))
  await assertRefused(t, withUser(address('authMechanism=SCRAM-SHA-1'), other))
  await assertRefused(t, withUser(address('authMechanism=PLAIN&authSource=$external'), user))
})

test('a user who is created later can log in without a restart', async (t) => {
  const late = { user: 'late', password: 'late' }
  const store = openStore(t, { uri: withUser(address(), late) })
  await until(() => store.events.length > 0, 'the error event')
  const roles = [{ role: 'readWrite', db: DATABASE }]
  await root.db(DATABASE).command({ createUser: late.user, pwd: late.password, roles })
  await until(() => store.connected, 'the connection')
  await store.set('late', newSession())
})

test('an X.509 certificate logs in', async (t) => {
  const query = (name) => {
    const files = { tlsCAFile: 'ca.pem', tlsCertificateKeyFile: name }
    const parts = Object.entries(files).map(([option, file]) => {
      return `${option}=${encodeURIComponent(join(folder, file))}`
    })
    return ['tls=true', 'authMechanism=MONGODB-X509', ...parts].join('&')
  }
  const uri = (name) => address(query(name)).replace('127.0.0.1', 'localhost')
  await assertWorks(t, uri('known.pem'))
  const named = encodeURIComponent('CN=known,OU=applications')
  await assertWorks(t, uri('known.pem').replace('//', `//${named}@`))
  await assertRefused(t, uri('unknown.pem'))
})

test('PLAIN reaches the server, which has no directory here', async (t) => {
  // A mongod with LDAP is the Enterprise edition; this one answers that it has no such mechanism.
  const uri = withUser(address('authMechanism=PLAIN&authSource=$external'), USER)
  await assertRefused(t, uri)
})

test('MONGODB-AWS takes its credentials from the environment, and never from the string', async (t) => {
  // What a server that knows no Amazon answers to them is all that can be seen here.
  setEnvironment(t, { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: ROOT.password })
  await assertRefused(t, address('authMechanism=MONGODB-AWS'))
  const uri = withUser(address('authMechanism=MONGODB-AWS'), USER)
  assert.throws(() => openStore(t, { uri }), /MONGODB-AWS.*environment/)
})

test('MONGODB-OIDC takes its token from the environment it names', async (t) => {
  const token = join(folder, 'token')
  await writeFile(token, 'token-9Kx')
  setEnvironment(t, { AWS_WEB_IDENTITY_TOKEN_FILE: token })
  const uri = address('authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:k8s')
  await assertRefused(t, uri)
})
