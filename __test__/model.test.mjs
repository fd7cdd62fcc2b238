// Random schedules of several clients, run twice: on the embedded engine by one process, and on
// MongoDB by several processes. Every answer on the way and what there is at the end are the same.
// MODEL_SEED=<seed> repeats a run.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { Random } from '../soak/random.mjs'
import { Client, USERS } from './model-client.mjs'
import { database, isLong } from './support.mjs'

const SEED = Number(process.env.MODEL_SEED ?? randomInt(2 ** 31))
const SCHEDULES = isLong ? 20 : 2
const STEPS = 150
const PROCESSES = 3
const SLOTS_EACH = 3
const SIDS = ['a', 'b', 'c', 'd', 'e', 'f']
const KEYS = ['one', 'two', 'three', 'x.y', '$z', '']
const VERBS = {
  load: 20,
  generate: 6,
  change: 30,
  save: 20,
  rush: 8,
  touch: 6,
  reload: 4,
  destroy: 5,
  regenerate: 3,
  clear: 1,
}

/** What is about all sessions, or those of a user, happens beside nothing else. */
const ABOUT_MANY = ['clear', 'everywhere']

for (const [title, options, verbs, { discards } = { discards: true }] of [
  ['with difference saves', {}, VERBS],
  ['with whole saves', { save: 'replace' }, VERBS],
  ['with users', { users: true }, { ...VERBS, change: 40, everywhere: 4 }],
  ['with users and whole saves', { users: true, save: 'replace' }, { ...VERBS, everywhere: 4 }],
  ['with flags', { deleteFlags: true }, { ...VERBS, flag: 4 }],
  // Such a store does not look for flags when it writes to MongoDB, so it discards nothing there.
  ['with flags of a store that deletes', {}, { ...VERBS, flag: 4 }, { discards: false }],
]) {
  test(`several processes on MongoDB do as one does on the embedded engine, ${title}`, async (t) => {
    const { uri, sessions } = await database(t)
    const oracle = new Client({ uri: 'memory:', ...options })
    t.after(() => oracle.store.close())
    const subjects = Array.from({ length: PROCESSES }, () => startClient(t, { uri, ...options }))
    for (let seed = SEED; seed < SEED + SCHEDULES; seed++) {
      await oracle.run({ verb: 'forget' })
      for (const subject of subjects) await subject.run({ verb: 'forget' })
      await compare(schedule(seed, verbs), { oracle, subjects, discards }, `MODEL_SEED=${seed}`)
      const live = await sessions.distinct('_id', { deleted: { $ne: true } })
      const { sessions: expected } = await oracle.run({ verb: 'observe', sids: SIDS })
      assert.deepEqual(
        live.sort(),
        SIDS.filter((sid) => expected[sid]),
        `MODEL_SEED=${seed}`,
      )
    }
  })
}

async function compare(steps, { oracle, subjects, discards }, what) {
  for (const [number, together] of steps.entries()) {
    const expected = await Promise.all(together.map((step) => oracle.run(step)))
    const seen = await Promise.all(together.map((step) => subjects[step.process].run(step)))
    assert.deepEqual(seen, expected, `${what}, step ${number}: ${JSON.stringify(together)}`)
  }
  const observe = { verb: 'observe', sids: SIDS }
  const expected = await oracle.run(observe)
  const discarded = []
  for (const subject of subjects) {
    const seen = await subject.run(observe)
    discarded.push(...seen.discarded)
    assert.deepEqual(seen.sessions, expected.sessions, what)
    assert.deepEqual(seen.owned, expected.owned, what)
    assert.equal(seen.length, expected.length, what)
  }
  if (discards) assert.deepEqual(discarded.sort(), expected.discarded.sort(), what)
}

/**
 * Steps of a seed: arrays of what happens at the same time. Only what commutes does: by different
 * requests, with different sessions.
 */
function schedule(seed, weights) {
  const random = new Random(seed)
  const start = Date.now() + 86_400_000
  const held = new Map()
  return Array.from({ length: STEPS }, (_, number) => {
    const together = []
    const busy = new Set()
    for (let count = 1 + random.below(PROCESSES); count > 0; count--) {
      const process = random.below(PROCESSES)
      const slot = `${process}/${random.below(SLOTS_EACH)}`
      const verb = random.weighted(weights)
      const sid = random.pick(SIDS)
      const step = { process, slot, verb, sid, expires: start + number * 1000 + count }
      if (verb === 'change' || verb === 'rush') {
        Object.assign(step, {
          key: random.pick(KEYS),
          other: random.pick(KEYS),
          value: value(random, number),
        })
      }
      if (verb === 'everywhere') step.user = random.pick(USERS)
      if (ABOUT_MANY.includes(verb) && together.length > 0) continue
      const names = [slot, ...namesOf(step, held.get(slot))]
      if (names.some((name) => busy.has(name))) continue
      names.forEach((name) => busy.add(name))
      if (['load', 'generate', 'regenerate'].includes(verb)) held.set(slot, sid)
      together.push(step)
      if (ABOUT_MANY.includes(verb)) break
    }
    return together
  })
}

/** The sessions that a step is about. */
function namesOf({ verb, sid }, held) {
  if (verb === 'load' || verb === 'generate') return [sid]
  if (verb === 'regenerate') return [sid, held]
  return [held]
}

function value(random, number) {
  const values = [
    undefined,
    number,
    { [KEYS[number % 6]]: number },
    new Date(number),
    [null],
    '$one',
  ]
  values.push(...USERS)
  return random.pick(values)
}

/** A client in a process of its own. */
function startClient(t, options) {
  const path = fileURLToPath(new URL('model-process.mjs', import.meta.url))
  const child = fork(path, [JSON.stringify(options)], { serialization: 'advanced' })
  const waiting = new Map()
  let lastId = 0
  child.on('message', ({ id, seen, error }) => {
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) resolve(seen)
    else reject(new Error(error))
  })
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the process of a client ended'))
  })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.disconnect()
    await exit
  })
  return {
    run: (step) =>
      new Promise((resolve, reject) => {
        waiting.set(++lastId, { resolve, reject })
        child.send({ id: lastId, step })
      }),
  }
}
