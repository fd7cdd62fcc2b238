// That the soak runs and judges; `npm run soak` is the real one.
import './neutral-environment.mjs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { find } from '../soak/breaks.mjs'
import { BREAKS } from '../soak/broken-stores.mjs'
import { Model, shown } from '../soak/model.mjs'
import { compareQuarters } from '../soak/measure.mjs'
import { SETTINGS } from '../soak/settings.mjs'
import { KINDS } from '../soak/report.mjs'
import { SharedModel } from '../soak/shared-model.mjs'

const RUN = fileURLToPath(new URL('../soak/run.mjs', import.meta.url))

function start(t, ...args) {
  const child = spawn(process.execPath, [RUN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const output = { text: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk) => (output.text += chunk))
  const exit = Promise.all([once(child, 'close'), text(child.stderr)])
  return { child, output, exit }
}

test('a short soak with faults finds nothing, and says what it did', async (t) => {
  const { output, exit } = start(t, '--minutes', '0.15', '--seed', '20')
  const [[code, signal], stderr] = await exit
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' }, output.text)
  assert.match(output.text, /^seed 20, 0.15 minutes\n/)
  assert.match(output.text, /\nseed 20, 0.15 minutes: clean\n$/)
  assert.match(output.text, /^get +\d+/m)
  assert.match(output.text, /works again after \d+ ms/)
  for (const { name } of SETTINGS) assert.ok(output.text.includes(`s ${name}\n`), name)
})

// `npm run soak:breaks` tries all of them.
for (const name of [
  'every save writes the whole session',
  'a log-out everywhere misses a session',
]) {
  test(`a soak finds that ${name}`, async () => {
    // A busy machine may take so long; it ends with the first finding.
    const { what, others } = await find(name, 20, 5)
    assert.ok(what, others.join('\n'))
  })
}

test('every kind of violation, in every setting, has a store that is broken so', () => {
  const values = (name) => new Set(Object.values(BREAKS).map((each) => each[name]))
  assert.deepEqual(values('finds'), new Set(Object.keys(KINDS)))
  assert.deepEqual(values('setting'), new Set(SETTINGS.map(({ name }) => name)))
})

test('an interrupted soak ends what it has started', async (t) => {
  const { child, output, exit } = start(t, '--minutes', '5', '--seed', '21')
  const ended = exit.then(() => true)
  while (!output.text.includes('both stores work')) {
    const told = once(child.stdout, 'data').then(() => false)
    assert.ok(!(await Promise.race([told, ended])), output.text)
  }
  child.kill('SIGINT')
  // The streams end when no process that was started holds them any more.
  const [[code, signal], stderr] = await exit
  assert.deepEqual({ code, signal }, { code: 1, signal: null })
  assert.match(stderr, /The soak was interrupted/)
})

/** What a model says of a session after writes that were acknowledged or failed. */
function judge(writes, found) {
  const model = new Model()
  for (const [outcome, write] of writes) model[outcome](write)
  return model.found(shown(found))
}

const create = (expires, data) => ({ verb: 'create', expires, data })
const merge = (expires, set) => ({ verb: 'merge', expires, set, unset: [] })
const state = (expires, data) => ({ expires, cookie: expires, data })

test('the model knows what may be there after writes with and without an answer', () => {
  const created = ['acknowledged', create(1, { a: 1 })]
  assert.equal(judge([created], state(1, { a: 1 })), undefined)
  assert.equal(judge([created], null), 'wrong')
  assert.equal(judge([created, ['failed', merge(2, { a: 2 })]], state(1, { a: 1 })), undefined)
  assert.equal(judge([created, ['failed', merge(2, { a: 2 })]], state(2, { a: 2 })), undefined)
  const overtaken = [created, ['failed', merge(2, { a: 2 })], ['acknowledged', merge(3, { a: 3 })]]
  assert.equal(judge(overtaken, state(3, { a: 3 })), undefined)
  assert.equal(judge(overtaken, state(2, { a: 2 })), 'late')
  assert.equal(judge(overtaken, state(1, { a: 1 })), 'wrong')
})

test('the model knows that a destroyed session stays away', () => {
  const destroyed = [
    ['acknowledged', create(1, { a: 1 })],
    ['acknowledged', { verb: 'destroy' }],
  ]
  assert.equal(judge(destroyed, null), undefined)
  assert.equal(judge(destroyed, state(1, { a: 1 })), 'wrong')
  assert.equal(judge([...destroyed, ['acknowledged', merge(2, { a: 2 })]], null), undefined)
  const again = [...destroyed, ['acknowledged', merge(2, { a: 2 })]]
  assert.equal(judge(again, state(2, { a: 2 })), 'wrong')
})

/** What the shared model says of reads, the events being `[verb, call, end, details]`. */
function judgeShared(...events) {
  const model = new SharedModel({ maxPerUser: 2 })
  for (const [verb, call, end, details] of events) {
    model.add({ verb, sid: 's', call, end, acknowledged: true, ...details })
  }
  return model.judge(Infinity).map(({ kind, what }) => `${kind}: ${what}`)
}

test('the shared model takes concurrent writes in any order, and others in theirs', () => {
  const begin = ['create', 0, 1, { set: { a: 'p1' } }]
  const concurrent = [
    begin,
    ['merge', 2, 5, { set: { a: 'p2' } }],
    ['merge', 3, 4, { set: { a: 'q1' } }],
  ]
  const read = (call, found) => ['get', call, call + 1, { found }]
  assert.deepEqual(judgeShared(...concurrent, read(6, { a: 'p2' }), read(8, { a: 'q1' })), [])
  assert.deepEqual(judgeShared(...concurrent, read(6, { a: 'p1' })), [
    'wrong: the key a holds p1, which a later write has replaced',
  ])
  assert.deepEqual(judgeShared(begin, read(2, { a: 'x' })), ['wrong: the key a holds x'])
  assert.deepEqual(judgeShared(begin, read(2, {})), ['wrong: the key a is lost'])
  assert.deepEqual(judgeShared(begin, read(2, null)), ['wrong: a session is lost'])
  const ended = [begin, ['destroy', 2, 3]]
  assert.deepEqual(judgeShared(...ended, read(4, null)), [])
  assert.deepEqual(judgeShared(...ended, read(4, { a: 'p1' })), [
    'wrong: a destroyed session is back',
  ])
})

test('the shared model tells a write that comes late from one that is lost', () => {
  assert.deepEqual(
    judgeShared(
      ['create', 0, 1, { set: { a: 'p1' } }],
      ['merge', 2, 3, { set: { a: 'p2' }, acknowledged: false }],
      ['merge', 4, 5, { set: { a: 'p3' } }],
      ['get', 6, 7, { found: { a: 'p2' } }],
    ),
    ['late: the key a holds p2, which a later write has replaced'],
  )
})

test('the shared model takes no write twice', () => {
  const begin = ['create', 0, 1, { set: { a: 'p1' } }]
  const read = (call, value) => ['get', call, call + 1, { found: { a: value } }]
  const late = ['merge', 2, 20, { set: { a: 'p2' } }]
  const other = ['merge', 5, 6, { set: { a: 'q1' } }]
  assert.deepEqual(judgeShared(begin, late, other, read(3, 'p2'), read(7, 'q1')), [])
  assert.deepEqual(judgeShared(begin, late, other, read(3, 'p2'), read(7, 'q1'), read(9, 'p2')), [
    'wrong: the key a holds p2 again, after q1 was read',
  ])
})

test('the shared model knows whom a log-out everywhere ends, and how many sessions there may be', () => {
  const login = (sid, call) => ['create', call, call + 1, { sid, user: 'ada', set: { a: sid } }]
  const everywhere = ['everywhere', 10, 11, { user: 'ada' }]
  const read = (sid, call, found = { a: sid }) => ['get', call, call + 1, { sid, found }]
  const list = (call, sids) => ['list', call, call + 1, { user: 'ada', sids }]
  assert.deepEqual(judgeShared(login('one', 0), everywhere, read('one', 12, null)), [])
  assert.deepEqual(judgeShared(login('one', 0), everywhere, read('one', 12)), [
    'wrong: a destroyed session is back',
  ])
  assert.deepEqual(judgeShared(login('one', 0), everywhere, list(12, ['one'])), [
    'wrong: a destroyed session is back',
  ])
  // Whoever logs in meanwhile may be in or out.
  const meanwhile = [['create', 9, 12, { sid: 'one', user: 'ada', set: { a: 'one' } }], everywhere]
  assert.deepEqual(judgeShared(...meanwhile, read('one', 13)), [])
  assert.deepEqual(judgeShared(...meanwhile, read('one', 13, null)), [])
  // Unless it was there for everybody to see.
  assert.deepEqual(
    judgeShared(...meanwhile, ['list', 9.1, 9.2, { user: 'ada', sids: ['one'] }], read('one', 13)),
    ['wrong: a destroyed session is back'],
  )
  const three = ['one', 'two', 'three'].map((sid, index) => login(sid, index))
  assert.deepEqual(judgeShared(...three, read('one', 12, null), list(12, ['two', 'three'])), [])
  assert.deepEqual(judgeShared(...three, read('three', 12)), [])
  assert.deepEqual(judgeShared(...three, list(12, ['one', 'two', 'three'])), [
    'wrong: 3 sessions of ada, not 2',
  ])
  assert.deepEqual(judgeShared(login('one', 0), read('one', 12, null)), [
    'wrong: a session is lost',
  ])
})

test('growth is what is left after the beginning', () => {
  const tolerance = { share: 0.1, slack: 1 }
  const warming = Array.from({ length: 100 }, (_, n) => Math.min(n * 10, 190))
  assert.equal(compareQuarters(warming, tolerance).isFlat, true)
  const growing = Array.from({ length: 100 }, (_, n) => 100 + n)
  assert.equal(compareQuarters(growing, tolerance).isFlat, false)
  const slower = Array.from({ length: 100 }, (_, n) => Math.min(n * 4, 200))
  assert.equal(compareQuarters(slower, tolerance).isFlat, true)
  assert.equal(compareQuarters([1, 2, 3], tolerance), undefined)
})
