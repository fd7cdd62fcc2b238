// Encryption begins in a fleet of processes, one after the other, and nobody is logged out or sees an error.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import { KEY, isEncrypted } from './encryption-support.mjs'
import { MongoSessionStore } from '../index.mjs'
import { database, failure, load, newSession, openStore } from './support.mjs'

/** A process of the fleet: it serves calls until it is replaced. */
async function start(t, uri, encryption) {
  const child = fork(new URL('./fleet-process.mjs', import.meta.url), [
    JSON.stringify({ uri, encryption: encryption && { ...encryption, keys: undefined } }),
    encryption === undefined ? '' : KEY.toString('hex'),
  ])
  t.after(() => child.kill('SIGKILL'))
  return {
    async visit(sid, n) {
      child.send({ sid, n })
      const [answer] = await once(child, 'message')
      return answer
    },
    async stop() {
      child.send('stop')
      await once(child, 'exit')
    },
  }
}

test('a fleet goes from nothing encrypted to everything encrypted without an error', async (t) => {
  const { uri, sessions } = await database(t)
  const steps = [undefined, { decryptOnly: true }, { acceptUnencrypted: true }]
  let fleet = await Promise.all([start(t, uri), start(t, uri)])
  let n = 0
  /** Every process serves every session, whoever has saved it last. */
  const serve = async () => {
    for (const sid of ['a', 'b']) {
      for (const each of [...fleet, ...fleet]) {
        assert.deepEqual(await each.visit(sid, n + 1), { before: n, error: null })
        n += 1
      }
      n = sid === 'a' ? n - 4 : n
    }
  }
  await serve()
  for (const step of steps.slice(1)) {
    // One process after the other is replaced, so that two steps are at work at a time.
    for (const at of [0, 1]) {
      await fleet[at].stop()
      fleet = fleet.with(at, await start(t, uri, step))
      await serve()
    }
    const stored = await sessions.find().toArray()
    const isDone = step.acceptUnencrypted === true
    for (const { session } of stored) assert.equal(isEncrypted(session.n), isDone)
  }
  // What nobody has changed is still plain, until it is saved as a whole.
  const last = openStore(t, { uri, encryption: { keys: [KEY], acceptUnencrypted: true } })
  for (const { sid, session } of await last.entries()) await last.set(sid, session)
  for (const at of [0, 1]) {
    await fleet[at].stop()
    fleet = fleet.with(at, await start(t, uri, {}))
    await serve()
  }
  await Promise.all(fleet.map((each) => each.stop()))
})

test('decryptOnly also leads back: what is saved is plain again, key by key', async (t) => {
  const { uri, sessions } = await database(t)
  const encrypting = openStore(t, { uri, encryption: { keys: [KEY] } })
  const leaving = openStore(t, { uri, encryption: { keys: [KEY], decryptOnly: true } })
  await encrypting.set('sid', newSession({ user: 'ada', n: 1 }))
  const loaded = await load(leaving)
  assert.equal(loaded.user, 'ada')
  loaded.n = 2
  await leaving.set('sid', loaded)
  const { session } = await sessions.findOne()
  assert.equal(session.n, 2)
  assert.ok(isEncrypted(session.user))
  assert.equal((await leaving.get('sid')).user, 'ada')
  assert.equal((await failure(encrypting.get('sid'))).code, 'ERR_STORE_DECRYPT')
})

test('decryptOnly and acceptUnencrypted: false contradict each other', () => {
  const encryption = { keys: [KEY], decryptOnly: true, acceptUnencrypted: false }
  assert.throws(() => new MongoSessionStore({ encryption }), {
    code: 'ERR_STORE_OPTION',
    message: /'encryption\.decryptOnly'.*'encryption\.acceptUnencrypted'/,
  })
})
