// A large session is saved by sending only the fields whose text has changed. What is stored must
// be the same as without that.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newSession, onBothEngines } from './support.mjs'

const SID = 'large'

/** More than the size from which on only changes are sent, with letters of all lengths in UTF-8. */
const filling = 'xäé漢😀'.repeat(1000)

function largeSession(data) {
  return newSession({ filling, 'kéy "quoted"\\': [1, 'ü'], nested: { a: { b: [1, 2] } }, ...data })
}

async function loadSession(store) {
  const req = { sessionID: SID, sessionStore: store }
  return store.createSession(req, await store.get(SID))
}

async function data(store) {
  const { cookie, ...rest } = await store.get(SID)
  assert.ok(cookie.expires instanceof Date)
  return rest
}

onBothEngines(test, 'changes, additions and removals are all saved', async (t, open) => {
  const store = open()
  await store.set(SID, largeSession({ views: 1, old: true }))
  const session = await loadSession(store)
  session.views = 2
  session.added = 'ä'
  session.nested.a.b.push(3)
  delete session.old
  await store.set(SID, session)
  const { cookie, ...expected } = largeSession({ views: 2, added: 'ä' })
  assert.ok(cookie)
  expected.nested.a.b.push(3)
  assert.deepEqual(await data(store), expected)
})

onBothEngines(test, 'parallel changes of different keys both survive', async (t, open) => {
  const store = open()
  await store.set(SID, largeSession({ views: 1 }))
  const [left, right] = [await loadSession(store), await loadSession(store)]
  left.left = 1
  right.right = 1
  delete right.views
  await Promise.all([store.set(SID, left), store.set(SID, right)])
  const { left: a, right: b, views } = await data(store)
  assert.deepEqual({ a, b, views }, { a: 1, b: 1, views: undefined })
})

onBothEngines(test, 'several saves of one session follow each other', async (t, open) => {
  const store = open()
  await store.set(SID, largeSession())
  const session = await loadSession(store)
  const saves = []
  for (const value of [1, 2, 1, { deep: [null] }, 'text', 1]) {
    session.value = value
    saves.push(store.set(SID, session))
  }
  delete session.filling
  saves.push(store.set(SID, session))
  await Promise.all(saves)
  const stored = await data(store)
  assert.equal(stored.value, 1)
  assert.equal('filling' in stored, false)
})

onBothEngines(
  test,
  'a special value that arrives later is saved as what it is',
  async (t, open) => {
    const store = open()
    await store.set(SID, largeSession({ when: '2026-01-01T00:00:00.000Z' }))
    const session = await loadSession(store)
    session.when = new Date(session.when)
    await store.set(SID, session)
    assert.ok((await data(store)).when instanceof Date)
    session.when = 5
    await store.set(SID, session)
    assert.equal((await data(store)).when, 5)
  },
)

onBothEngines(
  test,
  'numbers and keys that are written in several ways are the same',
  async (t, open) => {
    const store = open()
    const odd = { big: 1e21, small: 5e-324, exact: 123456789012345680000, 7: 'seven', '': 0, $a: 1 }
    await store.set(SID, largeSession(odd))
    const session = await loadSession(store)
    const other = await loadSession(store)
    other.big = 1
    await store.set(SID, other)
    session.views = 1
    await store.set(SID, session)
    const { big, small, exact, 7: seven, '': empty, $a, views } = await data(store)
    assert.deepEqual(
      { big, small, exact, seven, empty, $a, views },
      {
        big: 1,
        small: 5e-324,
        exact: 123456789012345680000,
        seven: 'seven',
        empty: 0,
        $a: 1,
        views: 1,
      },
    )
  },
)

onBothEngines(test, "save: 'replace' writes all of it", async (t, open) => {
  const store = open({ save: 'replace' })
  await store.set(SID, largeSession({ views: 1 }))
  const session = await loadSession(store)
  session.views = 2
  await store.set(SID, session)
  assert.equal((await data(store)).filling, filling)
})

onBothEngines(test, 'a plain object is stored whole', async (t, open) => {
  const store = open()
  await store.set(SID, largeSession({ views: 1 }))
  const plain = await store.get(SID)
  plain.views = 2
  await store.destroy(SID)
  await store.set(SID, plain)
  assert.equal((await data(store)).filling, filling)
})
