// `npx mongodb-session-store`: what an operator sees and ends, with the official driver as the witness.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import test from 'node:test'
import { isConfirmed } from '../cli/confirm.mjs'
import { withoutPasswords } from '../cli/failure.mjs'
import { configModule, run, runJson, sessionOf, start } from './cli-support.mjs'
import { database, openStore } from './support.mjs'

/** Three sessions of alice, one of bob, one of nobody, and one that has expired. */
async function withSessions(t, options = {}) {
  const place = await database(t)
  const userId = ({ user }) => user?.id
  const store = openStore(t, { uri: place.uri, userId, ...options })
  const people = { a1: 'alice', a2: 'alice', a3: 'alice', b1: 'bob', n1: undefined }
  for (const [name, id] of Object.entries(people)) {
    await store.set(
      `sid-of-${name}-0123456789`,
      sessionOf({ user: id && { id }, basket: 'x'.repeat(500) }),
    )
  }
  await place.sessions.insertOne({
    _id: 'expired-0123456789',
    expires: new Date(Date.now() - 3_600_000),
    session: { cookie: {}, user: { id: 'carol' } },
  })
  return { ...place, store }
}

test('in a process it does as in a thread, where the other tests have it', async (t) => {
  const { uri } = await withSessions(t)
  for (const [args, code] of [
    [['users', '--json'], 0],
    [['show', '000000000000'], 3],
    [['list', '--limit', 'many'], 2],
  ]) {
    const [process, thread] = await Promise.all([start(uri, args).ended, run(uri, ...args)])
    assert.equal(process.code, code, process.stderr)
    assert.deepEqual({ ...thread, signal: null }, process)
  }
})

test('list and users show who is logged in, and no session id', async (t) => {
  const { uri } = await withSessions(t)
  const list = await runJson(uri, 'list')
  assert.equal(list.code, 0, list.stderr)
  assert.equal(list.records.length, 5)
  for (const { session, size, expires } of list.records) {
    assert.match(session, /^[0-9a-f]{12}$/)
    assert.ok(size > 500 && new Date(expires) > new Date())
  }
  const ofAlice = await runJson(uri, 'list', '--user', 'alice')
  assert.deepEqual(
    ofAlice.records.map(({ user }) => user),
    ['alice', 'alice', 'alice'],
  )
  const users = await runJson(uri, 'users')
  assert.deepEqual(
    users.records.map(({ user, sessions }) => [user, sessions]),
    [
      ['alice', 3],
      ['bob', 1],
    ],
  )
  const people = await run(uri, 'list')
  assert.match(people.stdout, /alice/)
  for (const { stdout, stderr } of [list, users, people]) {
    assert.doesNotMatch(stdout + stderr, /0123456789/)
  }
  const few = await run(uri, 'list', '--limit', '2')
  assert.match(few.stderr, /--limit 0/)
  assert.equal(few.stdout.trim().split('\n').length, 3)
})

test('what visitors have chosen cannot move the cursor of the operator’s terminal', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri, userId: ({ user }) => user })
  const user = 'mallory\u001b[2K\rnobody\n\u009b2K\u202eecila'
  await store.set('sid', sessionOf({ user, [`key of ${user}`]: 'x' }))
  const [{ session, user: told }] = (await runJson(uri, 'list')).records
  assert.equal(told, user)
  for (const args of [['list'], ['users'], ['show', session], ['stats']]) {
    const { stdout, stderr, code } = await run(uri, ...args)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /mallory/)
    assert.doesNotMatch(stdout, /[^\P{Cc}\n]|\p{Bidi_Control}|^nobody/mu, args[0])
  }
})

test('a password is in no message, not even one that is written wrongly', () => {
  for (const password of ['secret', 'se@cret', 'se:c/r@et', 'se@c@ret', 's cr et', 's\ncret']) {
    const told = withoutPasswords(`Cannot read mongodb+srv://me:${password}@host/db, sorry`)
    assert.equal(told, 'Cannot read mongodb+srv://***@host/db, sorry')
  }
})

test('of several dates in expires the commands take the earliest, as the store does', async (t) => {
  const { uri, sessions } = await database(t)
  const [past, soon, later] = [-60_000, 60_000, 120_000].map((ms) => new Date(Date.now() + ms))
  const session = { cookie: {} }
  await sessions.insertMany([
    { _id: 'live', expires: [later, soon], userId: 'ada', session },
    { _id: 'ended', expires: [later, past], userId: 'ada', session },
  ])
  const { records: listed } = await runJson(uri, 'list')
  const { records: users } = await runJson(uri, 'users')
  for (const { expires } of [...listed, ...users]) assert.equal(expires, soon.toISOString())
  assert.deepEqual([listed.length, users.length], [1, 1])
  const [{ sessions: counts }] = (await runJson(uri, 'stats')).records
  assert.deepEqual([counts.alive, counts.expired], [1, 1])
})

test('show prints what a session holds, by its handle or the beginning of it', async (t) => {
  const { uri } = await withSessions(t)
  const [{ session }] = (await runJson(uri, 'list', '--user', 'bob')).records
  const shown = await runJson(uri, 'show', session.slice(0, 8))
  assert.equal(shown.code, 0, shown.stdout)
  assert.equal(shown.records[0].contents.user.id, 'bob')
  const people = await run(uri, 'show', session)
  assert.match(people.stdout, /id: 'bob'/)
  assert.doesNotMatch(people.stdout, /0123456789/)
  const missing = await runJson(uri, 'show', '000000000000')
  assert.equal(missing.code, 3)
  assert.equal(missing.records[0].error.code, 'ERR_CLI_SESSION')
  // Somebody has pasted a session id.
  const pasted = await run(uri, 'show', 'sid-of-b1-0123456789')
  assert.equal(pasted.code, 2)
  assert.doesNotMatch(pasted.stderr, /0123456789/)
})

test('revoke does nothing without a yes, and then ends one, a user’s, all others or all', async (t) => {
  const { uri, sessions } = await withSessions(t)
  const ids = async (filter = {}) => (await sessions.find(filter).toArray()).map(({ _id }) => _id)
  const [bob] = (await runJson(uri, 'list', '--user', 'bob')).records
  const dry = await run(uri, 'revoke', bob.session)
  assert.equal(dry.code, 0)
  assert.match(dry.stdout, /Nothing was done: 1 session would end/)
  assert.equal((await ids()).length, 6)
  const both = await runJson(uri, 'revoke', '--all', '--yes', '--dry-run')
  assert.deepEqual(both.records, [{ dryRun: true, sessions: 6, ended: 0 }])
  assert.equal((await ids()).length, 6)

  const one = await runJson(uri, 'revoke', bob.session, '--yes')
  assert.deepEqual(one.records, [{ dryRun: false, sessions: 1, ended: 1 }])
  assert.deepEqual(await ids({ userId: 'bob' }), [])

  const [kept] = (await runJson(uri, 'list', '--user', 'alice')).records
  const others = await runJson(uri, 'revoke', '--user', 'alice', '--except', kept.session, '--yes')
  assert.equal(others.records[0].ended, 2)
  const left = (await runJson(uri, 'list', '--user', 'alice')).records
  assert.deepEqual(
    left.map(({ session }) => session),
    [kept.session],
  )

  assert.equal((await runJson(uri, 'revoke', '--all', '--yes')).records[0].ended, 3)
  assert.deepEqual(await ids(), [])
})

test('with deleteFlags revoke flags, as the store does, and the session stays ended', async (t) => {
  const { uri, sessions, store } = await withSessions(t, { deleteFlags: true })
  const { records } = await runJson(uri, 'revoke', '--user', 'bob', '--deleteFlags', '--yes')
  assert.equal(records[0].ended, 1)
  const flagged = await sessions.findOne({ userId: 'bob' })
  assert.equal(flagged.deleted, true)
  assert.ok(flagged.expires > new Date())
  assert.equal(await store.get('sid-of-b1-0123456789'), null)
  await store.set('sid-of-b1-0123456789', sessionOf({ user: { id: 'bob' } }))
  assert.equal(await store.get('sid-of-b1-0123456789'), null)
})

test('revoke acts on its prefix alone, and finds hashed ids', async (t) => {
  const { uri, sessions } = await database(t)
  for (const prefix of ['one:', 'two:']) {
    const store = openStore(t, { uri, prefix, hashIds: true })
    await store.set('the same id', sessionOf({}))
  }
  const [listed] = (await runJson(uri, 'list', '--prefix', 'one:', '--hashIds')).records
  const wrong = await runJson(uri, 'revoke', listed.session, '--prefix', 'two:', '--yes')
  assert.equal(wrong.code, 3)
  const right = await runJson(uri, 'revoke', listed.session, '--prefix', 'one:', '--yes')
  assert.equal(right.records[0].ended, 1)
  assert.match((await sessions.findOne())._id, /^two:/)
})

test('purge deletes what has expired and nothing else', async (t) => {
  const { uri, sessions } = await withSessions(t)
  const dry = await run(uri, 'purge')
  assert.match(dry.stdout, /1 expired session would be deleted/)
  assert.equal(await sessions.countDocuments(), 6)
  const kept = await runJson(uri, 'purge', '--yes', '--expireAfter', '7200000')
  assert.equal(kept.records[0].deleted, 0)
  const done = await runJson(uri, 'purge', '--yes')
  assert.deepEqual(done.records, [{ dryRun: false, sessions: 1, deleted: 1 }])
  assert.equal(await sessions.countDocuments(), 5)
  assert.equal(await sessions.findOne({ _id: 'expired-0123456789' }), null)
})

test('stats counts sessions and says how large they are, and which keys make them large', async (t) => {
  const { uri } = await withSessions(t, { timestamps: true })
  const [{ sessions, bytes, ageMs, expiresInMs, largestKeys }] = (await runJson(uri, 'stats'))
    .records
  const { alive, expired, flagged, documents } = sessions
  assert.deepEqual(
    { alive, expired, flagged, documents },
    { alive: 5, expired: 1, flagged: 0, documents: 6 },
  )
  assert.ok(bytes.p50 > 500 && bytes.most < 2000 && bytes.total > 2500)
  assert.ok(ageMs.most < 600_000)
  assert.ok(expiresInMs.p50 > 3_000_000 && expiresInMs.p50 < 3_700_000)
  assert.deepEqual(
    [largestKeys[0].key, largestKeys[0].sessions, largestKeys[0].average],
    ['basket', 5, 505],
  )
  const people = await run(uri, 'stats')
  assert.match(people.stdout, /5 alive, 1 expired/)
  assert.match(people.stdout, /basket/)
})

test('indexes says what is missing, creates it when asked, and changes nothing otherwise', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('sessions')
  const missing = await runJson(uri, 'indexes', '--userId', 'user.id')
  assert.equal(missing.code, 4)
  assert.deepEqual(
    missing.records.map(({ name, state }) => [name, state]),
    [
      ['userId_1', 'missing'],
      ['expires_1', 'missing'],
    ],
  )
  assert.equal((await sessions.indexes()).length, 1)
  const created = await runJson(uri, 'indexes', '--userId', 'user.id', '--create')
  assert.equal(created.code, 0, created.stdout)
  const there = new Map((await sessions.indexes()).map((index) => [index.name, index]))
  assert.equal(there.get('expires_1').expireAfterSeconds, 0)
  assert.equal(there.get('userId_1').sparse, true)
  // The store finds nothing to warn of.
  const store = openStore(t, { uri, userId: ({ user }) => user })
  await store.set('a', sessionOf({ user: 'a' }))
  assert.deepEqual(store.events, [])
  const other = await run(uri, 'indexes', '--expireAfter', '60000')
  assert.equal(other.code, 4)
  assert.match(other.stdout, /expires_1 +different.*"expireAfterSeconds":60/)
})

test('the indexes of values are among them, as the config module names them', async (t) => {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('sessions')
  const config = await configModule(t, 'export default { indexes: { tenant: ({ tenant }) => tenant } }') // prettier-ignore
  const states = ({ records }) => records.map(({ name, state }) => [name, state])
  const indexes = (...more) => runJson(uri, 'indexes', '--config', config, ...more)
  assert.deepEqual(states(await indexes())[0], ['indexes.tenant_1__id_1', 'missing'])
  assert.equal((await indexes('--create')).code, 0)
  const made = (await sessions.indexes()).find(({ name }) => name === 'indexes.tenant_1__id_1')
  assert.deepEqual(made.key, { 'indexes.tenant': 1, _id: 1 })
  const store = openStore(t, { uri, indexes: { tenant: ({ tenant }) => tenant } })
  await store.set('a', sessionOf({ tenant: 'acme' }))
  assert.deepEqual(store.events, [])
  // It would create the index again.
  await store.close()
  await sessions.dropIndex('indexes.tenant_1__id_1')
  await sessions.createIndex({ 'indexes.tenant': 1, _id: 1 }, { unique: true, sparse: true })
  assert.deepEqual(states(await indexes())[0], ['indexes.tenant_1__id_1', 'different'])
})

test('doctor finds what would go wrong and names it', async (t) => {
  const { uri, sessions, store } = await withSessions(t)
  const well = await runJson(uri, 'doctor')
  const states = new Map(well.records.map(({ check, state }) => [check, state]))
  for (const check of ['connection', 'version', 'clock', 'indexes', 'collation', 'sessions']) {
    assert.equal(states.get(check), 'good', JSON.stringify(well.records))
  }
  // It would create the index again.
  await store.close()
  await sessions.dropIndex('expires_1')
  await sessions.insertOne({ _id: 'foreign', expires: new Date(Date.now() + 1e6), other: 1 })
  const ill = await runJson(uri, 'doctor')
  assert.equal(ill.code, 4)
  const problems = ill.records.filter(({ state }) => state === 'problem')
  assert.deepEqual(
    problems.map(({ check }) => check),
    ['indexes', 'sessions'],
  )
  assert.match(problems[1].message, /1 of the first 7 .*ERR_STORE_FOREIGN_DOCUMENT/)
  const removal = ill.records.find(({ check }) => check === 'removal')
  assert.equal(removal.state, 'warning')
})

test('a server that is not there is a failure with its reason, and no password shows', async () => {
  const uri = 'mongodb://operator:s3cret@127.0.0.1:1/app'
  const doctor = await run(uri, 'doctor')
  assert.equal(doctor.code, 4)
  assert.match(doctor.stdout, /✗ connection: no MongoDB server could be reached.*refused/)
  const list = await runJson(undefined, 'list', '--uri', uri)
  assert.equal(list.code, 1)
  assert.equal(list.records[0].error.code, 'ERR_STORE_CONNECTION')
  const typo = await run(undefined, 'list', `--urii=${uri}`)
  assert.equal(typo.code, 2)
  for (const { stdout, stderr } of [doctor, list, typo]) {
    assert.doesNotMatch(stdout + stderr, /s3cret/)
  }
})

test('a wrong option is named, with the one that was meant, and ends with 2', async (t) => {
  for (const [args, message] of [
    [['list', '--colection', 'x'], /'--colection'.*--collection/],
    [['lst'], /'lst'.*list/],
    [['--collection', 'x', 'list'], /'--collection'.*the command comes first/],
    [['list', '--limit', 'many'], /'--limit'.*'many'/],
    [['list', '--ttl', 'long'], /'--ttl'.*'long'/],
    [['list', '--autoRemove', 'never'], /'autoRemove'/],
    [['list', '--uri', 'memory:'], /memory:/],
    [['list', '--uri', 'mongodb://127.0.0.1/x?colour=red'], /colour/],
    [['list', '--config', '/nowhere.mjs'], /\/nowhere\.mjs/],
    [['revoke'], /--user/],
    [['revoke', '--all', '--user', 'a'], /--user/],
    [['show'], /session/],
    [['rekey'], /--config/],
    [['migrate'], /--from/],
    [['migrate', '--from', 'redis'], /connect-mongo/],
  ]) {
    const { code, stdout, stderr } = await run('mongodb://127.0.0.1:1/x', ...args)
    assert.equal(code, 2, `${args}: ${stderr}`)
    assert.match(stderr, message)
    assert.equal(stdout, '')
  }
  const misspelt = await configModule(t, "export default { colection: 'x' }")
  const { records, code } = await runJson(undefined, 'list', '--config', misspelt)
  assert.equal(code, 2)
  assert.match(records[0].error.message, /'colection'.*'collection'/)
})

test('a config module has the options of the store, functions and a client too; flags take precedence over it', async (t) => {
  const { uri } = await withSessions(t)
  const config = await configModule(
    t,
    `import { createRequire } from 'node:module'
     const { MongoClient } = createRequire(${JSON.stringify(import.meta.url)})('mongodb')
     const client = await MongoClient.connect(${JSON.stringify(uri)})
     export default async () => ({ client, collection: 'nowhere', userId: ({ user }) => user?.id })`,
  )
  const none = await runJson(undefined, 'list', '--config', config)
  assert.deepEqual([none.records, none.code], [[], 0])
  const all = await runJson(undefined, 'list', '--config', config, '--collection', 'sessions')
  assert.equal(all.records.length, 5)
})

test('a config module may be of any kind that Node loads, also what a compiler has made of one', async (t) => {
  const { uri } = await withSessions(t)
  const options = `{ uri: ${JSON.stringify(uri)}, collection: 'sessions' }`
  const compiled = "Object.defineProperty(exports, '__esModule', { value: true })"
  for (const [name, source] of [
    ['config.mjs', `export const { uri, collection } = ${options}`],
    ['config.cjs', `module.exports = ${options}`],
    ['config.cjs', `module.exports = async () => (${options})`],
    ['config.cjs', `${compiled}; exports.default = ${options}`],
    ['config.cjs', `${compiled}; exports.default = () => (${options})`],
    ['config.cjs', `exports.__esModule = true; Object.assign(exports, ${options})`],
  ]) {
    const config = await configModule(t, source, name)
    const { records, stdout, code } = await runJson(undefined, 'list', '--config', config)
    assert.deepEqual([records.length, code], [5, 0], `${source}: ${stdout}`)
  }
})

test('what is wrong with a config module is said by its name, without a password', async (t) => {
  const index = JSON.stringify(new URL('../index.mjs', import.meta.url).href)
  const uri = 'mongodb://operator:s3cret@127.0.0.1:1/app'
  for (const [source, message] of [
    ['export default "x"', /config\.mjs must export the options of the store as its default/],
    ['export default undefined.uri', /config\.mjs cannot be loaded: .*undefined/],
    ['throw "no vault"', /config\.mjs cannot be loaded: no vault/],
    [
      `export default () => { throw new Error('no vault for ${uri}') }`,
      /the function of the config module .*config\.mjs has failed: no vault for mongodb:/,
    ],
    [
      `import { MongoSessionStore } from ${index}; export default new MongoSessionStore({ uri: '${uri}' })`,
      /config\.mjs exports a store: it must export the options of which one is made/,
    ],
  ]) {
    const { code, stdout, stderr } = await run(undefined, 'list', '--config', await configModule(t, source)) // prettier-ignore
    assert.equal(code, 2, `${source}: ${stdout}${stderr}`)
    assert.match(stderr, message)
    assert.doesNotMatch(stdout + stderr, /s3cret/)
  }
})

test('a config module in TypeScript is loaded, or told why not', async (t) => {
  const { uri } = await withSessions(t)
  const source = `const uri: string = ${JSON.stringify(uri)}\nexport default { uri }`
  const config = await configModule(t, source, 'config.mts')
  const { code, stdout, stderr } = await run(undefined, 'list', '--json', '--config', config)
  const { typescript = false } = process.features
  assert.equal(code, typescript === false ? 2 : 0, stdout + stderr)
  if (typescript === false) {
    assert.match(stdout, /config\.mts cannot be loaded.* v\d.*reads no TypeScript/)
  }
})

test('on a terminal the operator types the count, and anything else is no yes', async () => {
  const ask = async (options, answer) => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    Object.assign(input, { isTTY: true })
    Object.assign(output, { isTTY: true })
    if (answer !== undefined) input.end(`${answer}\n`)
    const chosen = await isConfirmed(
      options,
      { count: 3, deed: 'end 3 sessions' },
      { input, output },
    )
    return [chosen, output.read()?.toString()]
  }
  const [chosen, asked] = await ask({}, '3')
  assert.ok(chosen)
  assert.ok(asked.includes('This will end 3 sessions. Type 3 to go ahead: '), asked)
  for (const answer of ['y', 'yes', '', '30']) assert.equal((await ask({}, answer))[0], false)
  assert.deepEqual(await ask({ yes: true }), [true, undefined])
  assert.deepEqual(await ask({ yes: true, dryRun: true }), [false, undefined])
  assert.deepEqual(await ask({ json: true }), [false, undefined])
})

test('each command has a help of one screen', async () => {
  const { stdout } = await run(undefined, '--help')
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name)
  assert.ok(commands.includes('doctor') && commands.length === 12, commands.join())
  for (const command of commands.filter((name) => name !== 'help')) {
    const help = await run(undefined, command, '--help')
    assert.equal(help.code, 0)
    assert.ok(help.stdout.trimEnd().split('\n').length <= 30, command)
  }
})

test('no command but the one that is asked to creates an index', async (t) => {
  const { uri, db } = await database(t)
  await db.createCollection('sessions')
  for (const command of ['doctor', 'stats', 'users', 'list', 'purge', 'indexes']) {
    await run(uri, command, '--userId', 'user')
  }
  assert.equal((await db.collection('sessions').indexes()).length, 1)
})
