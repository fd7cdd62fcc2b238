// `npx mongodb-session-store`: what an operator sees and ends, with the official driver as the witness.
import assert from 'node:assert/strict'
import test from 'node:test'
import { run, runJson, sessionOf, withSessions } from './cli-support.mjs'
import { database, openStore } from './support.mjs'

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
