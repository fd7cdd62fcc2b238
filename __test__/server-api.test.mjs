// The version of MongoDB's API that commands declare: `driverOptions.serverApi`, on a server that demands it.
import assert from 'node:assert/strict'
import test from 'node:test'
import { MongoClient, ServerApiVersion } from 'mongodb'
import MongoStore from 'mongodb-session-store/connect-mongo'
import { MongoSessionStore } from '../index.mjs'
import { ownMongod } from './outage-support.mjs'
import { failure, load, newSession, openStore, watched } from './support.mjs'

const STRICT = { version: ServerApiVersion.v1, strict: true, deprecationErrors: true }

/** Everything that a store does, without a word of warning. */
async function everythingWorks(store) {
  await store.set('sid', newSession({ user: 'ada', n: 1 }))
  const loaded = await load(store)
  loaded.n = 2
  loaded['a.key'] = 'by a pipeline'
  await store.set('sid', loaded)
  await store.touch('sid', loaded)
  await store.set('other', newSession({ user: 'bob' }))
  assert.equal((await store.get('sid'))['a.key'], 'by a pipeline')
  assert.equal(await store.length(), 2)
  assert.equal((await store.all()).length, 2)
  assert.deepEqual((await store.ids()).sort(), ['other', 'sid'])
  assert.equal((await store.find({ user: 'bob' })).length, 1)
  assert.equal((await store.sessionsOf('ada')).length, 1)
  assert.equal(await store.destroyByUser('ada'), 1)
  await store.destroy('other')
  await store.set('third', newSession())
  await store.clear()
  await store.ping()
  assert.deepEqual(store.events, [])
}

test('a server that requires a version is used with it, and says what is missing without', async (t) => {
  // At start the server takes the parameter beside this one only.
  const parameters = ['enableTestCommands=1', 'requireApiVersion=1']
  const args = parameters.flatMap((parameter) => ['--setParameter', parameter])
  const mongod = await ownMongod(t, { args })
  const { port } = mongod
  const uri = `mongodb://127.0.0.1:${port}/d`
  const userId = (session) => session.user
  for (const serverApi of ['1', { version: '1' }, STRICT]) {
    const options = { uri, userId, driverOptions: { serverApi } }
    await everythingWorks(openStore(t, { ...options, collection: 'plain' }))
    await everythingWorks(openStore(t, { ...options, maxPerUser: 5, collection: 'limited' }))
    await everythingWorks(openStore(t, { ...options, fields: { id: 'sid' }, collection: 'own' }))
    await everythingWorks(
      openStore(t, {
        ...options,
        deleteFlags: true,
        collection: `f${typeof serverApi}${serverApi.strict}`,
      }),
    )
  }
  const client = new MongoClient(uri, { serverApi: STRICT })
  t.after(() => client.close())
  await everythingWorks(openStore(t, { client, userId, collection: 'client' }))
  const theirs = watched(t, MongoStore.create({ mongoUrl: uri, mongoOptions: { serverApi: '1' } }))
  await theirs.set('sid', newSession({ n: 1 }))
  assert.equal((await theirs.get('sid')).n, 1)

  const without = openStore(t, { uri })
  const { message } = await failure(without.get('sid'))
  assert.match(message, /\(code 498870\)\. .* see 'driverOptions\.serverApi'/)
})

test('a version that there is not, or an unknown part of it, is refused by name', () => {
  for (const [serverApi, message] of [
    ['2', /'driverOptions\.serverApi\.version' must be one of 1/],
    [{ strict: true }, /'driverOptions\.serverApi' needs a 'version'/],
    [{ version: '1', strict: 'yes' }, /'driverOptions\.serverApi\.strict' must be true or false/],
    [{ version: '1', lax: true }, /unknown option 'driverOptions\.serverApi\.lax'/],
  ]) {
    assert.throws(() => new MongoSessionStore({ driverOptions: { serverApi } }), {
      name: 'TypeError',
      code: 'ERR_STORE_OPTION',
      message,
    })
  }
  for (const query of ['serverApi=1', 'serverApi.version=1']) {
    assert.throws(
      () => new MongoSessionStore({ uri: `mongodb://h/d?${query}` }),
      /'uri' has .*object/,
    )
  }
})
