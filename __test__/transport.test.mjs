// The ways to a server that a connection string names: sockets, addresses, compression, a proxy.
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import test, { after, before } from 'node:test'
import { MongoClient } from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { connected, failure, newSession, openStore, until } from './support.mjs'
import { listenAsProxy } from './socks.mjs'

const DATABASE = 'express_sessions'
const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some(({ address }) => address === '::1')
const hasUnixSockets = process.platform !== 'win32'

let mongod
let client

before(async () => {
  mongod = await startMongod({ unixSocket: hasUnixSockets, ipv6: hasIpv6 })
  client = await MongoClient.connect(mongod.uri)
})

after(async () => {
  await client?.close()
  await mongod?.stop()
})

const address = (host, query = '') => `mongodb://${host}/${DATABASE}?${query}`

async function assertWorks(t, uri) {
  const store = openStore(t, { uri })
  await store.set('sid', newSession({ user: 'me' }))
  assert.equal((await store.get('sid')).user, 'me')
  return store
}

test(
  'a Unix socket is a host',
  { skip: !hasUnixSockets && 'mongod has no Unix sockets on Windows' },
  async (t) => {
    const path = encodeURIComponent(mongod.socket)
    await assertWorks(t, address(path))
    await assertWorks(t, address(path, 'directConnection=true&compressors=zstd'))
    const nowhere = openStore(t, { uri: address('%2Fnowhere%2Fmongodb-1.sock') })
    await until(() => nowhere.events.length > 0, 'the error event')
    assert.equal((await failure(nowhere.get('sid'))).code, 'ERR_STORE_CONNECTION')
  },
)

test(
  'a client that is connected through a Unix socket is taken over',
  { skip: !hasUnixSockets && 'mongod has no Unix sockets on Windows' },
  async (t) => {
    const own = new MongoClient(address(encodeURIComponent(mongod.socket)))
    t.after(() => own.close())
    const store = openStore(t, { client: await own.connect(), collection: 'through_a_socket' })
    await store.set('sid', newSession({ user: 'me' }))
    assert.equal((await own.db().collection('through_a_socket').findOne()).session.user, 'me')
  },
)

test(
  'an IPv6 address is a host in brackets',
  { skip: !hasIpv6 && 'this machine has no ::1' },
  async (t) => {
    await assertWorks(t, address(`[::1]:${mongod.port}`))
    await assertWorks(t, address(`[0:0:0:0:0:0:0:1]:${mongod.port}`, 'w=1'))
  },
)

/** How many bytes the server has received in compressed form, and how many that were before. */
async function received(compressor) {
  const { network } = await client.db('admin').command({ serverStatus: 1 })
  const { bytesIn, bytesOut } = network.compression[compressor].decompressor
  return { compressed: Number(bytesIn), plain: Number(bytesOut) }
}

/** The same for what a store sends with these options. */
async function sent(t, compressor, query) {
  const before = await received(compressor)
  const store = await connected(openStore(t, { uri: address(`127.0.0.1:${mongod.port}`, query) }))
  const text = 'compressible '.repeat(2000)
  await store.set('sid', newSession({ text }))
  assert.equal((await store.get('sid')).text, text)
  await store.close()
  const after = await received(compressor)
  return {
    compressed: after.compressed - before.compressed,
    plain: after.plain - before.plain,
  }
}

for (const compressor of ['snappy', 'zlib', 'zstd']) {
  test(`messages are compressed with ${compressor}`, async (t) => {
    const { compressed, plain } = await sent(t, compressor, `compressors=${compressor}`)
    assert.ok(plain > 26_000 && compressed < plain / 5, `${plain} bytes became ${compressed}`)
  })
}

test('of several compressors the first is used, and of none none', async (t) => {
  const first = await sent(t, 'zlib', 'compressors=none,zlib,snappy')
  assert.ok(first.plain > 26_000)
  for (const compressor of ['snappy', 'zlib', 'zstd']) {
    const { plain } = await sent(t, compressor, compressor === 'zlib' ? '' : 'compressors=zlib')
    // The session has 26 000; what ends an earlier connection may be counted here.
    assert.ok(plain < 1000, `${compressor}: ${plain} bytes`)
  }
})

test('zlibCompressionLevel says how much zlib compresses', async (t) => {
  const level = (value) => sent(t, 'zlib', `compressors=zlib&zlibCompressionLevel=${value}`)
  const none = await level(0)
  assert.ok(none.compressed >= none.plain, 'level 0 does not compress')
  assert.ok((await level(9)).compressed < none.compressed / 5)
})

test('a SOCKS5 proxy leads to the server, with a password and without', async (t) => {
  const login = { user: 'proxy user', password: 'pass-7YtQ2' }
  for (const expected of [undefined, login]) {
    const proxy = await listenAsProxy(t, expected)
    const options = { proxyHost: '127.0.0.1', proxyPort: proxy.port }
    if (expected) {
      Object.assign(options, { proxyUsername: login.user, proxyPassword: login.password })
    }
    const query = (given) => String(new URLSearchParams(given))
    const store = await assertWorks(t, address(`127.0.0.1:${mongod.port}`, query(options)))
    assert.ok(proxy.targets.length > 0)
    assert.deepEqual([...new Set(proxy.targets)], [`127.0.0.1:${mongod.port}`])
    await store.close()
    if (!expected) continue
    const wrong = { ...options, proxyPassword: 'pass-7YtQ2-not' }
    const refused = openStore(t, { uri: address(`127.0.0.1:${mongod.port}`, query(wrong)) })
    await until(() => refused.events.length > 0, 'the error event')
    const told = await until(async () => {
      const error = await failure(refused.get('sid'))
      assert.equal(error.code, 'ERR_STORE_CONNECTION')
      const told = `${error.stack}${error.cause?.stack}`
      return /SOCKS5 proxy/.test(told) && told
    }, 'the reason')
    assert.ok(!told.includes(login.password))
  }
})
