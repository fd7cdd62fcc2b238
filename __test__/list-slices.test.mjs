// However many sessions a list has, it is read in slices, between which the event loop goes on.
import assert from 'node:assert/strict'
import test from 'node:test'
import { PATIENT, newSession, onBothEngines } from './support.mjs'

/** About what is read in one turn, and what a session adds at most when it is the last of a turn. */
const TURN = 256 * 1024
const COUNT = 1500
const TEXT = 'x'.repeat(4000)

onBothEngines(
  test,
  'no turn of the event loop reads more than a slice of a list',
  async (t, open) => {
    let read = 0
    let total = 0
    const store = open({
      ...PATIENT,
      serialize: (session) => JSON.stringify(session),
      unserialize: (text) => {
        read += text.length
        total += text.length
        return JSON.parse(text)
      },
    })
    const numbers = Array.from({ length: COUNT }, (_, n) => n)
    await Promise.all(numbers.map((n) => store.set(`sid${n}`, newSession({ n, text: TEXT }))))
    let most = 0
    let isOver = false
    const turn = () => {
      most = Math.max(most, read)
      read = 0
      if (!isOver) setImmediate(turn)
    }
    setImmediate(turn)
    const lists = await Promise.all([store.all(), store.entries(), store.all(), store.entries()])
    isOver = true
    for (const list of lists) assert.equal(list.length, COUNT)
    assert.ok(total > 4 * COUNT * TEXT.length)
    // One who has waited and one who has just come.
    assert.ok(most <= 2 * TURN + TEXT.length, `${most} characters in one turn`)
  },
)

onBothEngines(test, 'all tells its listeners before its caller, and once', async (t, open) => {
  const store = open()
  await store.set('a', newSession({ name: 'ada' }))
  const told = []
  store.on('all', (sessions) => told.push(['event', sessions]))
  const sessions = await store.all()
  told.push(['caller', sessions])
  assert.deepEqual(told, [
    ['event', sessions],
    ['caller', sessions],
  ])
  assert.equal(sessions[0].name, 'ada')
})
