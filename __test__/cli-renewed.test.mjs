// `npx mongodb-session-store revoke` beside applications that give sessions new ids: it misses none of them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { handleOf } from '../cli/sessions.mjs'
import { runJson, startAndHold } from './cli-support.mjs'
import { database, load, newSession, openStore } from './support.mjs'

const OPTIONS = { deleteFlags: true, userId: ({ user }) => user }

/** Gives the session of an id a new one, and leaves it in the moment before the document there is revealed. */
async function moveWithoutEnd(sessions, from, to) {
  const { _id, session, userId, expires, ...others } = await sessions.findOne({ _id: from })
  const renewedUntil = new Date(Date.now() + 60_000)
  await sessions.insertOne({
    ...{ ...others, _id: to, session, userId, expires },
    ...{ deleted: true, renewedFrom: from, renewedUntil },
  })
  await sessions.updateOne(
    { _id },
    { $set: { deleted: true, renewedTo: to, renewedUntil }, $unset: { session: 1, userId: 1 } },
  )
}

/** Gives the session of an id a new one. */
async function renew(store, from, to) {
  store.generate = (req) => Object.assign(req, { sessionID: to })
  const req = { sessionID: from, sessionStore: store, session: await load(store, from) }
  assert.equal(await store.renew(req), true)
}

const WAYS = {
  'by its user': ['--user', 'ada'],
  'with all others': ['--all'],
  'by the handle of its old id': [handleOf('old')],
  'by the handle of its old id that is older': [handleOf('oldest')],
}

for (const [way, args] of Object.entries(WAYS)) {
  for (const flags of [[], ['--deleteFlags']]) {
    const how = flags.length === 0 ? 'deletes' : 'flags'
    test(`a session that is just getting a new id ends ${way}, and revoke ${how}`, async (t) => {
      const { uri, sessions } = await database(t)
      const store = openStore(t, { uri, ...OPTIONS })
      await store.set('oldest', newSession({ user: 'ada' }))
      await renew(store, 'oldest', 'old')
      await moveWithoutEnd(sessions, 'old', 'new')
      const { code, records } = await runJson(uri, 'revoke', ...args, ...flags, '--yes')
      assert.deepEqual([code, records[0].ended], [0, 1])
      for (const sid of ['oldest', 'old', 'new']) assert.equal(await store.get(sid), null, sid)
    })
  }
}

for (const [who, args] of Object.entries({
  all: ['--all'],
  'those of a user': ['--user', 'ada'],
})) {
  test(`a session that moves behind the back of a revoke of ${who} ends, and the spared one goes on`, async (t) => {
    const { uri, sessions } = await database(t)
    const store = openStore(t, { uri, ...OPTIONS })
    await store.set('zz', newSession({ user: 'ada' }))
    await store.set('spared', newSession({ user: 'ada' }))
    // More than a page of them.
    const { _id, ...others } = await sessions.findOne({ _id: 'zz' })
    const ids = Array.from({ length: 1100 }, (_, n) => `m${n}`)
    await sessions.insertMany(ids.map((id) => ({ _id: id, ...others })))
    const flags = ['--deleteFlags', '--yes', '--except', handleOf('spared')]
    const revoke = await startAndHold(t, uri, ['revoke', ...args, ...flags])
    await renew(store, _id, 'a')
    await renew(store, 'spared', 'zzz')
    revoke.goOn()
    const { code, stdout, stderr } = await revoke.ended
    assert.equal(code, 0, stderr)
    assert.match(stdout, /1101 sessions ended/)
    assert.deepEqual(await store.ids(), ['zzz'])
    for (const sid of ['zz', 'a', 'm1']) assert.equal(await store.get(sid), null, sid)
    assert.equal((await store.get('spared')).user, 'ada')
  })
}

test('a session is shown by the handle of an id that it has given up', async (t) => {
  const { uri } = await database(t)
  const store = openStore(t, { uri, ...OPTIONS })
  await store.set('old', newSession({ user: 'ada' }))
  await renew(store, 'old', 'new')
  const { code, records } = await runJson(uri, 'show', handleOf('old'))
  assert.equal(code, 0)
  assert.deepEqual([records[0].session, records[0].contents.user], [handleOf('new'), 'ada'])
})
