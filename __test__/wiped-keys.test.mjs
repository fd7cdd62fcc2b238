// What a process still holds of the keys of `encryption` once its store is closed: the memory of a child is
// searched for them. Strings of JavaScript nobody can wipe, so that the key comes in a Buffer.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { hkdfSync, createHmac, randomBytes, scryptSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { createInterface } from 'node:readline'
import test from 'node:test'
import { database } from './support.mjs'

const INDEX = new URL('../index.mjs', import.meta.url).href
const PASSPHRASE = 'correct horse battery staple'
const SIDS = ['one', 'two']

/** Tells each step that it has done, and waits to be told to go on. */
const PROGRAM = `
  import { readSync } from 'node:fs'
  import { createInterface } from 'node:readline'
  import { MongoSessionStore } from ${JSON.stringify(INDEX)}
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const told = async (step) => (console.log(step), await lines.next())
  const [, uri, passphrase, ...sids] = process.argv
  const key = Buffer.allocUnsafeSlow(32)
  if (readSync(3, key) !== 32) throw new Error('there is no key')
  await told('given')
  const store = new MongoSessionStore({ uri, encryption: { keys: [key, passphrase] } })
  key.fill(0)
  for (const sid of sids) {
    await store.set(sid, { cookie: { originalMaxAge: 60_000 }, user: 'ada' })
    if ((await store.get(sid)).user !== 'ada') throw new Error('it is not stored')
  }
  await told('open')
  await store.close()
  await told('closed')
`

test(
  'a closed store has left nothing of its keys in memory',
  { skip: process.platform !== 'linux' && 'the memory of a process is read from /proc' },
  async (t) => {
    const { uri } = await database(t)
    const key = randomBytes(32)
    const child = spawn(
      process.execPath,
      ['--input-type=module', '--eval', PROGRAM, uri, PASSPHRASE, ...SIDS],
      { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] },
    )
    t.after(() => child.kill('SIGKILL'))
    const steps = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const exit = once(child, 'exit')
    child.stdio[3].end(key)
    const held = async (step) => {
      assert.deepEqual(await steps.next(), { value: step, done: false })
      const found = search(child.pid, traces)
      child.stdin.write('\n')
      return found
    }
    const traces = { 'the key': key, ...derivedFrom(key) }
    const stretched = scryptSync(PASSPHRASE, 'mongodb-session-store/1/passphrase', 32, {
      ...{ N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 26 },
    })
    traces['the stretched passphrase'] = stretched
    for (const [name, bytes] of Object.entries(derivedFrom(stretched))) {
      traces[`${name} of the passphrase`] = bytes
    }

    assert.deepEqual(await held('given'), ['the key'])
    // So the search finds what is there: what an open store computes with.
    const states = ['the inner state of HMAC', 'the outer state of HMAC']
    const open = await held('open')
    for (const state of [...states, ...states.map((state) => `${state} of the passphrase`)]) {
      assert.ok(open.includes(state), state)
    }
    // What one session's key leaves on the stack of a thread is there until that is used again, and opens that one alone.
    const left = (await held('closed')).filter((name) => !name.startsWith('the key of the session'))
    assert.deepEqual(left, [])
    child.stdin.end()
    assert.deepEqual(await exit, [0, null])
  },
)

/** What the store computes of a key, and in which forms it may hold that. */
function derivedFrom(key) {
  const traces = {}
  // HKDF's extraction, with an empty salt.
  const extracted = createHmac('sha256', Buffer.alloc(32)).update(key).digest()
  traces['the extracted key'] = extracted
  for (const [name, pad] of Object.entries({ inner: 0x36, outer: 0x5c })) {
    const block = Buffer.alloc(64, pad)
    extracted.forEach((byte, index) => (block[index] ^= byte))
    traces[`the ${name} state of HMAC`] = stateAfter(block)
  }
  for (const sid of SIDS) {
    const info = `mongodb-session-store/1/session/${sid}`
    traces[`the key of the session ${sid}`] = Buffer.from(hkdfSync('sha256', key, '', info, 32))
  }
  return traces
}

/** The names of those traces that the writable memory of a process holds. */
function search(pid, traces) {
  const memory = openSync(`/proc/${pid}/mem`)
  const found = new Set()
  try {
    for (const [, from, to] of readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(
      /^(\w+)-(\w+) rw/gm,
    )) {
      const bytes = Buffer.alloc(Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)))
      let length
      try {
        length = readSync(memory, bytes, 0, bytes.length, BigInt(`0x${from}`))
      } catch {
        continue // Such as a device, which cannot be read.
      }
      for (const [name, trace] of Object.entries(traces)) {
        if (bytes.subarray(0, length).includes(trace)) found.add(name)
      }
    }
  } finally {
    closeSync(memory)
  }
  return [...found]
}

/** The state of SHA-256 behind one block, as a processor of today holds it (FIPS 180-4, 6.2.2). */
function stateAfter(block) {
  const [initial, constants] = [
    [2, 8],
    [3, 64],
  ].map(([root, count]) => primes(count).map((prime) => fraction(prime, root)))
  const words = Array.from({ length: 16 }, (_, index) => block.readUInt32BE(4 * index))
  for (let t = 16; t < 64; t++) {
    const [a, b] = [words[t - 15], words[t - 2]]
    const s0 = rotated(a, 7) ^ rotated(a, 18) ^ (a >>> 3)
    const s1 = rotated(b, 17) ^ rotated(b, 19) ^ (b >>> 10)
    words.push((words[t - 16] + s0 + words[t - 7] + s1) >>> 0)
  }
  let [a, b, c, d, e, f, g, h] = initial
  for (let t = 0; t < 64; t++) {
    const choice = (e & f) ^ (~e & g)
    const majority = (a & b) ^ (a & c) ^ (b & c)
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
    const one = h + s1 + choice + constants[t] + words[t]
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) >>> 0, c, b, a, (one + s0 + majority) >>> 0]
  }
  const state = Buffer.alloc(32)
  ;[a, b, c, d, e, f, g, h].forEach((word, index) =>
    state.writeUInt32LE((word + initial[index]) >>> 0, 4 * index),
  )
  return state
}

const rotated = (word, bits) => (word >>> bits) | (word << (32 - bits))

function primes(count) {
  const found = []
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime)) found.push(n)
  return found
}

/** The first 32 bits of the fractional part of a root of a small number. */
function fraction(number, root) {
  // The integer root of number · 2^(32 · root), by bisection.
  const wanted = BigInt(number) << BigInt(32 * root)
  let [low, high] = [0n, 1n << 40n]
  while (low < high) {
    const middle = (low + high + 1n) / 2n
    if (middle ** BigInt(root) <= wanted) low = middle
    else high = middle - 1n
  }
  return Number(low & 0xffff_ffffn)
}
