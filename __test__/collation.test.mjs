// Collections that were created with a default collation: ids and users are compared by their bytes all the same.
import assert from 'node:assert/strict'
import test from 'node:test'
import { database, openStore, until } from './support.mjs'

const cookie = { path: '/', originalMaxAge: 60_000 }

/** A database whose collection `sessions` has a default collation, and stores in it. */
async function collated(t, collation) {
  const { uri, db, sessions } = await database(t)
  await db.createCollection('sessions', { collation })
  return { sessions, open: (options) => openStore(t, { uri, ...options }) }
}

for (const collation of [{ locale: 'en' }, { locale: 'en', strength: 2 }]) {
  const title = JSON.stringify(collation)

  test(`lists and bulk calls find the sessions of a prefix (${title})`, async (t) => {
    const { open } = await collated(t, collation)
    const store = open({ prefix: 'app:', userId: (session) => session.user, deleteFlags: true })
    const sids = ['9z', 'Zb', 'a1', 'é', '-_']
    for (const sid of sids) await store.set(sid, { cookie, user: 'ada', colour: 'red' })

    assert.equal(await store.length(), sids.length)
    assert.equal((await store.all()).length, sids.length)
    assert.deepEqual((await store.ids()).sort(), [...sids].sort())
    assert.equal((await store.sessionsOf('ada')).length, sids.length)
    assert.equal((await store.find({ colour: 'red' })).length, sids.length)

    await store.flagDeletion(sids[0])
    assert.equal(await store.cleanup(), 1)
    assert.equal(await store.destroyByUser('ada', { except: sids[1] }), sids.length - 2)
    assert.equal(await store.destroyMany({ colour: 'red' }), 1)
    await store.set('again', { cookie })
    await store.clear()
    assert.equal(await store.length(), 0)
  })

  test(`users, devices, counts and parts of lists are found, too (${title})`, async (t) => {
    const { open } = await collated(t, collation)
    const store = open({
      prefix: 'app:',
      userId: (session) => session.user,
      device: true,
      indexes: { colour: (session) => session.colour },
      deleteFlags: true,
    })
    const sids = ['9z', 'Zb', 'a1', 'é', '-_']
    for (const sid of sids) await store.set(sid, { cookie, user: 'ada', colour: 'red' })
    await store.set('of bob', { cookie, user: 'bob', colour: 'Red' })

    assert.equal(await store.count({}), 6)
    assert.equal(await store.count({ colour: 'red' }), 5)
    const scanned = []
    for await (const { sid } of store.scan({ sort: { colour: 1 } })) scanned.push(sid)
    assert.deepEqual(scanned.sort(), [...sids, 'of bob'].sort())
    const first = await store.find({ colour: 'red' }, { limit: 3 })
    const rest = await store.find({ colour: 'red' }, { limit: 3, after: first.next })
    assert.deepEqual([...first, ...rest].map(({ sid }) => sid).sort(), [...sids].sort())
    const users = []
    for await (const { user, sessions } of store.users()) users.push([user, sessions])
    assert.deepEqual(users, [['ada', 5], ['bob', 1]]) // prettier-ignore

    const [device, ...others] = await store.devices('ada')
    assert.equal(others.length, 4)
    assert.equal(await store.revoke('ADA', device.handle), 0)
    assert.equal(await store.revoke('ada', device.handle), 1)
    const [kept] = await store.sessionsOf('ada')
    assert.equal(await store.revokeOthers('ada', kept.sid), 3)
    assert.equal(await store.take(kept.sid, 'colour'), 'red')
    assert.equal(await store.flagDeletion(null), 2)
    assert.equal(await store.length(), 0)
    assert.equal(await store.cleanup(), 6)
  })

  test(`what has expired is removed at intervals (${title})`, async (t) => {
    const { open, sessions } = await collated(t, collation)
    const expires = new Date(Date.now() - 60_000)
    const ids = ['app:9z', 'app:Zb', 'app:é', 'app:-_', 'APP:other']
    await sessions.insertMany(ids.map((_id) => ({ _id, expires, session: { cookie: {} } })))
    open({ prefix: 'app:', autoRemove: 'interval', autoRemoveInterval: 50 })
    await until(async () => {
      const left = await sessions.distinct('_id', { expires: { $lte: expires } })
      return left.length === 1 && left[0] === 'APP:other'
    }, 'the removal')
  })

  test(`neither a prefix nor a user is taken for one that differs in case (${title})`, async (t) => {
    const { open } = await collated(t, collation)
    const options = { userId: (session) => session.user }
    const [small, large] = ['shop', 'SHOP'].map((prefix) => open({ prefix, ...options }))
    await small.set(':1', { cookie, user: 'ann' })
    await large.set(':2', { cookie, user: 'ANN' })

    assert.equal(await small.length(), 1)
    assert.equal((await small.sessionsOf('ANN')).length, 0)
    assert.equal(await small.destroyByUser('ANN'), 0)
    assert.equal(await small.destroyMany({ user: 'ANN' }), 0)
    await small.clear()
    assert.equal(await large.length(), 1)
  })

  test(`with an id field of its own, ids that differ in case are two sessions (${title})`, async (t) => {
    const { open, sessions } = await collated(t, collation)
    const store = open({ fields: { id: 'sid' } })
    await store.set('abc', { cookie, of: 'small' })
    await store.set('ABC', { cookie, of: 'large' })
    assert.equal((await store.get('abc')).of, 'small')
    assert.equal((await store.get('ABC')).of, 'large')
    await store.destroy('ABC')
    assert.equal((await store.get('abc')).of, 'small')
    assert.equal(await sessions.countDocuments(), 1)
  })

  test(`the store warns at its start of what it cannot mend (${title})`, async (t) => {
    const { open } = await collated(t, collation)
    const store = open({})
    const [{ value }] = await until(() => store.events.length > 0 && store.events, 'the warning')
    assert.equal(value.code, 'ERR_STORE_COLLATION')
    assert.match(value.message, /locale 'en'/)
    assert.equal(/differ only in case/.test(value.message), collation.strength === 2)
  })
}
