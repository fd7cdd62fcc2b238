// What an application's tests do with the store, for a test runner that gives its functions and its faked time.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'

export function cases({ MongoSessionStore, session }, { test, fakeTime }) {
  const open = (options) => new MongoSessionStore({ uri: 'memory:', ...options })

  test('a visitor is counted', async () => {
    const store = open()
    const sessions = session({
      secret: 'some secret',
      store,
      resave: false,
      saveUninitialized: false,
    })
    const server = createServer((req, res) => {
      sessions(req, res, () => {
        req.session.views = (req.session.views ?? 0) + 1
        res.end(String(req.session.views))
      })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const origin = `http://127.0.0.1:${server.address().port}`
    const first = await fetch(origin)
    assert.equal(await first.text(), '1')
    const cookie = first.headers.getSetCookie()[0].split(';')[0]
    assert.equal(await (await fetch(origin, { headers: { cookie } })).text(), '2')
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await store.close()
  })

  test('values come back as values of the test', async () => {
    const store = open()
    await store.set('sid', {
      cookie: {},
      date: new Date(5),
      buffer: Buffer.from('abc'),
      bytes: new Uint8Array([1, 2]),
      map: new Map([['a', 1]]),
      error: new Error('a message'),
      list: [{ since: new Date(6) }],
    })
    const read = await store.get('sid')
    assert.ok(read.date instanceof Date)
    assert.equal(read.date.getTime(), 5)
    assert.ok(Buffer.isBuffer(read.buffer))
    assert.equal(String(read.buffer), 'abc')
    assert.deepEqual(Array.from(read.bytes), [1, 2])
    // As JSON has them.
    assert.equal(JSON.stringify([read.map, read.error]), '[{},{}]')
    assert.ok(Array.isArray(read.list))
    assert.ok(read.list[0].since instanceof Date)
    assert.ok((await store.all())[0].date instanceof Date)
    await store.close()
  })

  test('errors are errors of the test', async () => {
    const store = open()
    let refused
    try {
      open({ uri: 5 })
    } catch (error) {
      refused = error
    }
    assert.ok(refused instanceof TypeError)
    assert.equal(refused.code, 'ERR_STORE_OPTION')
    await store.close()
    const failed = await store.get('sid').catch((error) => error)
    assert.ok(failed instanceof Error)
    assert.equal(failed.code, 'ERR_STORE_CLOSED')
  })

  test('calls end and sessions expire while the time is faked', async () => {
    const store = open({ ttl: 60_000 })
    const time = fakeTime()
    try {
      await store.set('sid', { cookie: {}, user: 'ada' })
      time.advance(59_999)
      assert.equal((await store.get('sid')).user, 'ada')
      await new Promise((resolve, reject) => {
        store.touch('sid', { cookie: {} }, (error) => (error ? reject(error) : resolve()))
      })
      time.advance(60_000)
      assert.equal(await store.get('sid'), null)
      await store.close()
    } finally {
      time.restore()
    }
  })
}
