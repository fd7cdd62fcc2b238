// `npx mongodb-session-store rekey`: what is encrypted with an older key, or not at all, is encrypted with the
// first key.
import assert from 'node:assert/strict'
import test from 'node:test'
import { configModule, run, runJson, sessionOf, start, startAndHold } from './cli-support.mjs'
import { KEY, OLD_KEY, decryptField, encryptField } from './encryption-support.mjs'
import { database, openStore } from './support.mjs'

const configOf = (t, encryption) =>
  configModule(
    t,
    `export default { encryption: { ...${JSON.stringify(encryption)}, keys: [${encryption.keys
      .map((key) => `Buffer.from('${key.toString('hex')}', 'hex')`)
      .join()}] } }`,
  )

const storeOf = (t, uri, keys, more) => openStore(t, { uri, encryption: { keys, ...more } })

/** How many of the sessions can be read with this key alone. */
async function readable(t, uri, key) {
  const store = storeOf(t, uri, [key])
  return (await store.entries()).length
}

test('rekey encrypts anew what is under an older key, leaves the rest alone, and names what it cannot read', async (t) => {
  const { uri, sessions } = await database(t)
  const old = storeOf(t, uri, [OLD_KEY])
  for (let n = 0; n < 20; n++) await old.set(`old${n}`, sessionOf({ n, when: new Date(n) }))
  const current = storeOf(t, uri, [KEY])
  await current.set('current', sessionOf({ n: -1 }))
  await storeOf(t, uri, [Buffer.alloc(32, 'lost')]).set('of a lost key', sessionOf({}))
  const before = await sessions.find().toArray()
  const config = await configOf(t, { keys: [KEY, OLD_KEY] })

  const dry = await runJson(uri, 'rekey', '--config', config)
  assert.equal(dry.code, 4)
  const { unreadableSessions, ...counts } = dry.records[0]
  assert.deepEqual(counts, {
    dryRun: true,
    current: 1,
    old: 20,
    rekeyed: 0,
    changed: 0,
    unreadable: 1,
  })
  assert.equal(unreadableSessions[0].code, 'ERR_STORE_DECRYPT')
  assert.match(unreadableSessions[0].session, /^[0-9a-f]{12}$/)
  assert.deepEqual(await sessions.find().toArray(), before)

  const done = await runJson(uri, 'rekey', '--config', config, '--yes')
  assert.equal(done.records[0].rekeyed, 20)
  assert.equal(await readable(t, uri, KEY), 21)
  assert.equal(await readable(t, uri, OLD_KEY), 0)
  const after = new Map((await sessions.find().toArray()).map((found) => [found._id, found]))
  for (const { _id, expires, session } of before) {
    assert.deepEqual(after.get(_id).expires, expires)
    if (!_id.startsWith('old')) assert.deepEqual(after.get(_id).session, session)
  }
  const { n } = after.get('old7').session
  assert.equal(decryptField(KEY, 'old7', 'n', n), 7)

  const again = await run(uri, 'rekey', '--config', config, '--yes')
  assert.match(again.stdout, /not so +0\n/)
})

test('plain sessions are refused unless acceptUnencrypted is set, and then encrypted', async (t) => {
  const { uri, sessions } = await database(t)
  const plain = openStore(t, { uri })
  await plain.set('plain', sessionOf({ secret: 'visible' }))
  await openStore(t, { uri, stringify: true }).set('text', sessionOf({ secret: 'visible' }))
  const strict = await configOf(t, { keys: [KEY] })
  const refused = await runJson(uri, 'rekey', '--config', strict, '--yes')
  assert.deepEqual([refused.code, refused.records[0].unreadable], [4, 2])
  const open = await configOf(t, { keys: [KEY], acceptUnencrypted: true })
  const done = await runJson(uri, 'rekey', '--config', open, '--yes')
  assert.deepEqual([done.code, done.records[0].rekeyed], [0, 2])
  assert.doesNotMatch(JSON.stringify(await sessions.find().toArray()), /visible/)
  const store = storeOf(t, uri, [KEY])
  for (const id of ['plain', 'text']) assert.equal((await store.get(id)).secret, 'visible')
})

test('the keys of a session are no operators', async (t) => {
  const { uri, sessions } = await database(t)
  const old = storeOf(t, uri, [OLD_KEY])
  const keys = ['$gt', '$ne', '$exists', '$where', '$comment', '$', 'a.b', '']
  for (const [n, key] of keys.entries()) await old.set(`s${n}`, { [key]: n, ...sessionOf({ n }) })
  assert.equal(Object.keys((await sessions.findOne({ _id: 's0' })).session)[0], '$gt')
  const config = await configOf(t, { keys: [KEY, OLD_KEY] })
  const { code, records } = await runJson(uri, 'rekey', '--config', config, '--yes')
  assert.deepEqual([code, records[0].rekeyed], [0, keys.length])
  const store = storeOf(t, uri, [KEY])
  for (const [n, key] of keys.entries()) assert.equal((await store.get(`s${n}`))[key], n)
})

/** Stores so many sessions under the older key, of which a page holds about a hundred. */
async function withOldSessions(t, count) {
  const { uri, sessions } = await database(t)
  const pad = 'x'.repeat(15_000)
  const expires = new Date(Date.now() + 3_600_000)
  const documents = Array.from({ length: count }, (_, n) => {
    const _id = `s${n}`
    const fields = Object.entries(sessionOf({ n, pad }))
    const encrypted = fields.map(([name, value]) => [name, encryptField(OLD_KEY, _id, name, value)])
    return { _id, expires, session: Object.fromEntries(encrypted) }
  })
  await sessions.insertMany(documents)
  return uri
}

test('killed in the midst, it goes on where it was', async (t) => {
  const count = 300
  const uri = await withOldSessions(t, count)
  const config = await configOf(t, { keys: [KEY, OLD_KEY] })
  const { child, ended } = await startAndHold(t, uri, ['rekey', '--config', config, '--yes'])
  child.kill('SIGKILL')
  assert.equal((await ended).signal, 'SIGKILL')
  const done = await readable(t, uri, KEY)
  assert.ok(done > 0 && done < count, `${done} before it was killed`)
  const { records, code } = await runJson(uri, 'rekey', '--config', config, '--yes')
  assert.equal(code, 0)
  assert.deepEqual([records[0].current, records[0].rekeyed], [done, count - done])
  assert.equal(await readable(t, uri, KEY), count)
})

test('Ctrl-C ends it after the page that is under way, with 130', async (t) => {
  const count = 500
  const uri = await withOldSessions(t, count)
  const config = await configOf(t, { keys: [KEY, OLD_KEY] })
  const { child, ended, goOn } = await startAndHold(t, uri, ['rekey', '--config', config, '--yes'])
  child.kill('SIGINT')
  // It may have gone on to the next page by the time that the signal reaches it, but not to the last.
  goOn()
  const { code, stderr } = await ended
  assert.equal(code, 130, stderr)
  assert.match(stderr, /goes on from there/)
  const done = await readable(t, uri, KEY)
  assert.ok(done >= 100 && done < count, `${done} in whole pages`)
})

test('what an application saves at the same moment is not undone', async (t) => {
  const { uri } = await database(t)
  const writer = storeOf(t, uri, [OLD_KEY, KEY])
  const count = 600
  for (let n = 0; n < count; n++) await writer.set(`s${n}`, sessionOf({ n, saved: 0 }))
  const config = await configOf(t, { keys: [KEY, OLD_KEY] })
  const { ended } = start(uri, ['rekey', '--config', config, '--yes', '--json'])
  let isOver = false
  const result = ended.finally(() => (isOver = true))
  const saved = new Map()
  for (let round = 1; !isOver; round++) {
    const id = `s${(round * 7) % count}`
    const session = await writer.get(id)
    session.saved = round
    await writer.set(id, session)
    saved.set(id, round)
  }
  assert.equal((await result).stderr, '')
  for (const [id, round] of saved) assert.equal((await writer.get(id)).saved, round, id)
})
