// `npx mongodb-session-store` for whoever meets it for the first time: collections that are empty or not only the
// store's, rights that are missing, pipes that close, and terminals.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import ConnectMongo from 'connect-mongo'
import session from 'express-session'
import { ObjectId } from 'mongodb'
import { handleOf } from '../cli/sessions.mjs'
import { configModule, onTerminal, run, runJson, sessionOf, start } from './cli-support.mjs'
import { KEY } from './encryption-support.mjs'
import { openProxy } from './outage-support.mjs'
import { database, driver, openStore, ownMongod } from './support.mjs'

const HOUR = 3_600_000
const keys = `[Buffer.from('${KEY.toString('hex')}', 'hex')]`

test('where there is nothing, every command says so and fails at nothing', async (t) => {
  const { uri, db } = await database(t)
  const config = await configModule(t, `export default { encryption: { keys: ${keys} } }`)
  for (const [args, said, expected = 0] of [
    [['list'], /No session in the collection 'sessions'/],
    [['list', '--user', 'ada'], /No session of this user.*needs the option userId/s],
    [['users'], /Nobody is logged in.*needs the option userId/s],
    [['stats'], /0 alive, 0 expired/],
    [['purge', '--yes'], /nothing to do/],
    [['revoke', '--all', '--yes'], /nothing to do/],
    [['revoke', '--user', 'ada'], /nothing to do.*needs the option userId/s],
    [['show', '0123456789ab'], /there is no session 0123456789ab/, 3],
    [['rekey', '--config', config, '--yes'], /encrypted anew +0/],
    [['migrate', '--from', 'connect-mongo', '--yes'], /migrated +0/],
    [['indexes'], /expires_1 +missing/, 4],
    [['doctor'], /there is no such collection yet/, 4],
  ]) {
    const { code, stdout, stderr } = await run(uri, ...args)
    assert.equal(code, expected, `${args}: ${stdout}${stderr}`)
    assert.match(stdout + stderr, said)
  }
  assert.deepEqual(await db.listCollections().toArray(), [], 'no collection was made')
  const { records } = await runJson(uri, 'revoke', '--all', '--yes')
  assert.deepEqual(records, [{ dryRun: false, sessions: 0, ended: 0 }])
})

test('documents of others in the collection are no sessions, and nothing ends them', async (t) => {
  const { uri, sessions } = await database(t)
  const store = openStore(t, { uri, userId: ({ user }) => user })
  await store.set('own', sessionOf({ user: 'ada' }))
  const theirs = [
    { _id: new ObjectId(), session: 'of another program' },
    { _id: 'settings', theme: 'dark', userId: 'ada' },
    { _id: 'counter', n: 1, expires: 'never' },
  ]
  await sessions.insertMany(theirs)
  const list = await runJson(uri, 'list')
  assert.deepEqual(list.records.map(({ user }) => user), ['ada']) // prettier-ignore
  const users = await runJson(uri, 'users')
  assert.deepEqual(users.records.map((found) => found.sessions), [1]) // prettier-ignore
  const stats = await run(uri, 'stats')
  assert.equal(stats.code, 0, stats.stderr)
  const doctor = await run(uri, 'doctor')
  assert.match(doctor.stdout, /✗ sessions: 2 of the first 3 cannot be read/)
  for (const args of [['purge'], ['revoke', '--user', 'ada'], ['revoke', '--all']]) {
    const { code, stderr } = await run(uri, ...args, '--yes')
    assert.equal(code, 0, stderr)
  }
  assert.deepEqual(await sessions.find().toArray(), theirs)
})

test('sessions of every form are listed and shown: flagged ones are not, hashed and encrypted ones are', async (t) => {
  const { uri, db } = await database(t)
  const userId = ({ user }) => user
  const config = await configModule(
    t,
    `export default { encryption: { keys: ${keys} }, hashIds: true, deleteFlags: true, collection: 'ours',
      userId: ({ user }) => user, watch: true, device: true, assurance: 2, fallbackMemory: true,
      countsAsActivity: () => true, maxPerUser: () => 3, absoluteTimeout: () => 1e9, ttl: () => 1e9,
      previousStore: { get: (sid, callback) => callback(), destroy: (sid, callback) => callback() } }`,
  )
  const encryption = { keys: [KEY] }
  const options = { uri, collection: 'ours', userId, encryption, hashIds: true, deleteFlags: true }
  const store = openStore(t, options)
  for (const name of ['kept', 'flagged', 'renewed']) {
    await store.set(name, sessionOf({ user: 'ada', name }))
  }
  const before = await runJson(uri, 'list', '--config', config)
  await store.destroy('flagged')
  // As express-session does it, which teaches the store to make ids.
  session({ store, secret: 'a secret', resave: false, saveUninitialized: false })
  const req = { sessionID: 'renewed', sessionStore: store }
  store.createSession(req, await store.get('renewed'))
  assert.equal(await store.renew(req), true)
  const { records } = await runJson(uri, 'list', '--config', config)
  assert.equal(records.length, 2)
  for (const { session } of records) {
    const shown = await runJson(uri, 'show', session, '--config', config)
    assert.equal(shown.code, 0, shown.stdout)
    assert.match(shown.records[0].contents.name, /kept|renewed/)
  }
  const isListed = ({ session }) => records.some((other) => other.session === session)
  const gone = before.records.filter((each) => !isListed(each)).map(({ session }) => session)
  const [flagged, renewed] = ['flagged', 'renewed'].map((sid) => handleOf(store.idOf(sid)))
  assert.deepEqual(gone.sort(), [flagged, renewed].sort())
  const ended = await run(uri, 'show', flagged, '--config', config)
  assert.equal(ended.code, 3)
  assert.match(ended.stderr, /has ended or expired/)
  const moved = await runJson(uri, 'show', renewed, '--config', config)
  assert.equal(moved.records[0].contents.name, 'renewed')
  assert.ok(isListed(moved.records[0]))
  // Of what holds no session any more nothing is left to be encrypted.
  const rekeyed = await runJson(uri, 'rekey', '--config', config, '--yes')
  assert.deepEqual([rekeyed.code, rekeyed.records[0].unreadable], [0, 0], rekeyed.stdout)

  // As connect-mongo and connect-mongodb-session write them, and express-session-mongodb with its own names.
  const theirs = ConnectMongo.create({ mongoUrl: uri, collectionName: 'theirs' })
  t.after(() => theirs.close())
  await new Promise((resolve) => theirs.set('a', sessionOf({ user: 'bob' }), resolve))
  const expires = new Date(Date.now() + HOUR)
  await db
    .collection('theirs')
    .insertOne({ _id: 'b', expires, session: sessionOf({ user: 'bob' }) })
  const SessionID = 'c'
  const data = { Data: sessionOf({ user: 'bob' }), LastAccessed: new Date() }
  await db.collection('Sessions').insertOne({ SessionID, ...data })
  const names = ['--fields.id', 'SessionID', '--fields.session', 'Data']
  names.push('--fields.lastAccess', 'LastAccessed', '--ttl', String(HOUR))
  for (const [collection, more, forms] of [
    ['theirs', [], ['text', 'document']],
    ['Sessions', names, ['document']],
  ]) {
    const found = await runJson(uri, 'list', '--collection', collection, ...more)
    assert.deepEqual(found.records.map(({ storedAs }) => storedAs), forms) // prettier-ignore
    for (const { session } of found.records) {
      const shown = await run(uri, 'show', session, '--collection', collection, ...more)
      assert.match(shown.stdout, /user: 'bob'/, shown.stderr)
    }
  }
})

test('who lacks a right is told which', async (t) => {
  const root = { user: 'root', password: 'p4ssword' }
  const mongod = await ownMongod(t, { auth: root })
  const client = await driver(t, mongod.uri)
  const db = client.db()
  const resource = { db: db.databaseName, collection: 'sessions' }
  const actions = ['insert', 'update', 'remove', 'createIndex', 'listIndexes']
  await db.command({ createRole: 'blind', privileges: [{ resource, actions }], roles: [] })
  await db.command({ createUser: 'blind', pwd: 'p4ssword', roles: ['blind'] })
  const uri = `mongodb://blind:p4ssword@127.0.0.1:${mongod.port}/${db.databaseName}`
  // To log in takes a busy machine longer than a server is waited for: that is another failure.
  const answered = async (...args) => {
    const ended = await run(...args)
    const isLate = /no answer within/.test(ended.stdout + ended.stderr)
    return isLate ? answered(...args) : ended
  }
  for (const command of ['list', 'users', 'stats', 'purge']) {
    const { code, stderr } = await answered(uri, command)
    assert.equal(code, 1, command)
    assert.match(stderr, /Unauthorized[^]*"doctor" shows which rights/)
    assert.doesNotMatch(stderr, /p4ssword/)
  }
  const { error } = JSON.parse((await answered(uri, 'list', '--json')).stdout)
  assert.deepEqual([error.code, error.exitCode], ['ERR_STORE_SERVER', 1])
  const doctor = await answered(uri, 'doctor')
  assert.equal(doctor.code, 4)
  assert.match(doctor.stdout, /✓ connection: one server, collection express_sessions\.sessions/)
  assert.match(doctor.stdout, /✗ rights: the store needs find; grant readWrite/)
  const refused = await answered(uri.replace('p4ssword', 'wrong'), 'list')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /did not accept the credentials/)
})

test('doctor tells of a collation, of texts, of clocks that differ and of a slow way', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('sessions', { collation: { locale: 'en', strength: 2 } })
  const expires = new Date(Date.now() + HOUR)
  await sessions.insertOne({ _id: 'text', expires, session: JSON.stringify(sessionOf({})) })
  const ahead = await configModule(
    t,
    'const { now } = Date; Date.now = () => now() - 60_000; export default {}',
  )
  const proxy = await openProxy(t, Number(new URL(uri).port))
  proxy.delay = 40
  const slow = uri.replace(new URL(uri).host, `127.0.0.1:${proxy.port}`)
  const { records, code } = await runJson(slow, 'doctor', '--config', ahead)
  const found = Object.fromEntries(records.map(({ check, ...rest }) => [check, rest]))
  for (const [check, state, message] of [
    ['collation', 'warning', /compares by the language en/],
    ['sessions', 'warning', /1 of the first 1 are stored as texts.*"migrate"/],
    ['clock', 'problem', /the server is (5\d s|60 s|1 min) ahead of this machine.*NTP/],
    ['latency', 'warning', /ms median.*each request waits/],
  ]) {
    assert.equal(found[check].state, state, JSON.stringify(records))
    assert.match(found[check].message, message)
  }
  assert.equal(code, 4)
})

test('a pipe whose reader has seen enough ends it without a complaint', async (t) => {
  const { uri, sessions } = await database(t)
  const expires = new Date(Date.now() + HOUR)
  const many = Array.from({ length: 3000 }, (_, n) => ({ _id: `s${n}`, expires, session: {} }))
  await sessions.insertMany(many)
  for (const more of [[], ['--json']]) {
    const { child, ended } = start(uri, ['list', '--limit', '0', ...more])
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const { code, signal, stderr } = await ended
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
  }
})

test('a flag holds whatever option of the store is no object and no function', async (t) => {
  const { uri } = await database(t)
  await openStore(t, { uri }).set('sid', sessionOf({ user: 'ada' }))
  const flags = [
    '--dbName',
    new URL(uri).pathname.slice(1),
    '--save',
    'replace',
    '--whenDown',
    'skip',
  ]
  flags.push('--autoRemove', 'interval', '--autoRemoveInterval', '60000', '--ttl', '60000')
  flags.push('--operationTimeout', '30000', '--touchOnGet', '--watch', '--fallbackMemory', 'false')
  flags.push(
    '--userId',
    'user',
    '--maxPerUser',
    '3',
    '--whenFull',
    'evict',
    '--device',
    '--timestamps',
  )
  flags.push('--touchAfter', 'Infinity', '--absoluteTimeout', '1e9', '--stringify', 'false')
  flags.push('--deleteFlags', '--deleteGrace', '60000', '--fields.deleted', 'gone')
  const { records, code } = await runJson(uri, 'list', ...flags)
  assert.deepEqual([code, records.length], [0, 1], JSON.stringify(records))
  const purged = await runJson(uri, 'purge', ...flags)
  assert.equal(purged.code, 0, purged.stdout)
})

/** Without it there is no terminal to be had. */
const hasScript = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0
const skip = hasScript ? false : 'there is no script(1) of util-linux, which makes a terminal'

test(
  'on a terminal nothing ends without the count: not by another word, not by Ctrl-C or Ctrl-D',
  { skip },
  async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri })
    for (const sid of ['a', 'b']) await store.set(sid, sessionOf({}))
    const question = 'This will end 2 sessions. Type 2 to go ahead: '
    for (const keys of ['yes\r', '\u0003', '\u0004']) {
      const { output, code } = await onTerminal(uri, ['revoke', '--all'], { keys, after: question })
      assert.equal(code, 0, output)
      assert.match(output, /Nothing was done: 2 sessions would end/)
      assert.equal(await sessions.countDocuments(), 2)
    }
    const { output } = await onTerminal(uri, ['revoke', '--all'], { keys: '2\r', after: question })
    assert.match(output, /2 sessions ended\./)
    assert.equal(await sessions.countDocuments(), 0)
  },
)

test(
  'a terminal has colours unless NO_COLOR says otherwise, and is left as it was',
  { skip },
  async (t) => {
    const { uri, sessions } = await database(t)
    const expires = new Date(Date.now() + HOUR)
    const many = Array.from({ length: 2000 }, (_, n) => ({ _id: `s${n}`, expires, session: { n } }))
    await sessions.insertMany(many)
    const [{ session }] = (await runJson(uri, 'list', '--limit', '1')).records
    const escapes = (text) =>
      text
        .split('\u001b[')
        .slice(1)
        .filter((rest) => /^[\d;]*m/.test(rest))
    const coloured = await onTerminal(uri, ['show', session], { env: { TERM: 'xterm' } })
    assert.ok(escapes(coloured.output).length > 0, coloured.output)
    const env = { TERM: 'xterm', NO_COLOR: '1' }
    const plain = await onTerminal(uri, ['show', session], { env, columns: 40 })
    assert.deepEqual(escapes(plain.output), [])
    assert.match(plain.output, /session {2}[0-9a-f]{12}/)
    // A bar switches the wrapping of lines off while it is there.
    for (const { output } of [coloured, plain]) {
      assert.ok(output.includes('\u001b[?7l'), 'there was a bar')
      assert.ok(output.lastIndexOf('\u001b[?7h') > output.lastIndexOf('\u001b[?7l'))
    }
  },
)
