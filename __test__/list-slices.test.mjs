// However many sessions a list has, it is read in slices, between which the event loop goes on.
import assert from 'node:assert/strict'
import test from 'node:test'
import { PATIENT, newSession, onBothEngines } from './support.mjs'

/** About what is read in one turn. */
const TURN = 256 * 1024
const COUNT = 1500

/** A store that has its sessions read by `read`, and counts what that makes of each. */
function readingBy(open, read) {
  const store = open({
    ...PATIENT,
    serialize: (session) => JSON.stringify(session),
    unserialize: (text) => {
      counted.now += read(text)
      return JSON.parse(text)
    },
  })
  const counted = { now: 0, total: 0, most: 0, turns: 0 }
  return { store, counted }
}

async function fill(store, count, text) {
  const numbers = Array.from({ length: count }, (_, n) => n)
  await Promise.all(numbers.map((n) => store.set(`sid${n}`, newSession({ n, text }, 3_600_000))))
}

/** Has `counted` tell how much there was at most in one turn of the event loop until a promise is kept. */
async function countTurns(counted, promise) {
  let isOver = false
  const turn = () => {
    counted.most = Math.max(counted.most, counted.now)
    counted.total += counted.now
    counted.now = 0
    counted.turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  const answer = await promise
  isOver = true
  turn()
  return answer
}

onBothEngines(
  test,
  'no turn of the event loop reads more than a slice of a list',
  async (t, open) => {
    const { store, counted } = readingBy(open, (text) => text.length)
    const text = 'x'.repeat(4000)
    await fill(store, COUNT, text)
    const all = [store.all(), store.entries(), store.all(), store.entries()]
    const lists = await countTurns(counted, Promise.all(all))
    for (const list of lists) assert.equal(list.length, COUNT)
    assert.ok(counted.total > 4 * COUNT * text.length)
    // One who has waited and one who has just come.
    assert.ok(counted.most <= 2 * TURN + text.length, `${counted.most} characters in one turn`)
  },
)

onBothEngines(
  test,
  'the turn that takes over a large page is not the one that reads the second slice of it',
  async (t, open) => {
    const { store, counted } = readingBy(open, (text) => text.length)
    // The first page, whatever sessions may be, is less than a slice.
    const text = 'x'.repeat(2000)
    await fill(store, COUNT, text)
    assert.equal((await countTurns(counted, store.all())).length, COUNT)
    assert.ok(counted.most <= TURN + text.length, `${counted.most} characters in one turn`)
  },
)

onBothEngines(
  test,
  'a slice ends when its time is up, however little it has read',
  async (t, open) => {
    const COUNT = 10
    const { store, counted } = readingBy(open, () => {
      // More than the time of a slice.
      const end = performance.now() + 10
      while (performance.now() < end);
      return 1
    })
    await fill(store, COUNT, '')
    let timers = 0
    const timer = setInterval(() => timers++, 1)
    t.after(() => clearInterval(timer))
    await countTurns(counted, Promise.all([store.all(), store.entries()]))
    assert.equal(counted.total, 2 * COUNT)
    // One who has waited and one who has just come.
    assert.ok(counted.most <= 2, `${counted.most} sessions in one turn`)
    assert.ok(timers >= COUNT - 2, `timers had ${timers} turns between ${2 * COUNT} sessions`)
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
