// Loaded sessions are saved as what has changed.
import assert from 'node:assert/strict'
import { dataOf, load, newSession } from './world.mjs'

export const differences = {
  async 'changes of different keys do not undo each other'({ open }) {
    const store = open()
    await store.set('sid', newSession({ a: 0, b: 0, c: 0 }))
    const [first, second] = await Promise.all([load(store, 'sid'), load(store, 'sid')])
    first.a = 1
    delete first.c
    second.b = { when: new Date(5) }
    second.d = 2n
    await Promise.all([store.set('sid', first), store.set('sid', second)])
    assert.deepEqual(dataOf(await store.get('sid')), { a: 1, b: { when: new Date(5) }, d: 2n })
  },

  async 'a save of a session as it was changes nothing'({ open }) {
    const store = open()
    await store.set('sid', newSession({ a: 0, when: new Date(5), bytes: Buffer.from('x') }))
    const [idle, busy] = await Promise.all([load(store, 'sid'), load(store, 'sid')])
    busy.a = 1
    await store.set('sid', busy)
    await store.set('sid', idle)
    assert.deepEqual(dataOf(await store.get('sid')), {
      a: 1,
      when: new Date(5),
      bytes: Buffer.from('x'),
    })
  },

  async 'keys with dots and dollars are changed and removed'({ open }) {
    const store = open()
    await store.set('sid', newSession({ 'a.b': 0, $c: 0, stay: 0 }))
    const session = await load(store, 'sid')
    session['a.b'] = 1
    delete session.$c
    session['$d.e'] = 2
    await store.set('sid', session)
    assert.deepEqual(dataOf(await store.get('sid')), { 'a.b': 1, stay: 0, '$d.e': 2 })
  },

  async "with save: 'replace' whole sessions are written"({ open }) {
    const store = open({ save: 'replace' })
    await store.set('sid', newSession({ a: 0, b: 0 }))
    const [first, second] = await Promise.all([load(store, 'sid'), load(store, 'sid')])
    first.a = 1
    second.b = 1
    await store.set('sid', first)
    await store.set('sid', second)
    assert.deepEqual(dataOf(await store.get('sid')), { a: 0, b: 1 })
  },
}
