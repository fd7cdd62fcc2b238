// The command line over many sessions: its memory does not grow with them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { start } from './cli-support.mjs'
import { database } from './support.mjs'

const MANY = 20_000
/** Several full pages. */
const FEW = 2000
const PAD = 'x'.repeat(4000)

/** What is by far less than the sessions that are more, which are 72 MB as they are stored. */
const GROWTH = 40e6

/** At the end a process tells the most memory that it had, in KB. */
const TELLING = `data:text/javascript,process.on('exit',()=>process.stderr.write('\\nmaxRSS '+process.resourceUsage().maxRSS))`

/** Stores so many sessions as connect-mongo does. */
async function withSessions(t, count) {
  const place = await database(t)
  const expires = new Date(Date.now() + 3_600_000)
  const session = JSON.stringify({ cookie: { path: '/' }, pad: PAD })
  for (let from = 0; from < count; from += 5000) {
    const documents = Array.from({ length: Math.min(5000, count - from) }, (_, n) => ({
      ...{ _id: `s${from + n}`, expires, session, userId: `u${(from + n) % 7}` },
    }))
    await place.sessions.insertMany(documents)
  }
  return place
}

/** What a command prints, and the most memory that it takes. */
async function measured(uri, ...args) {
  const { ended } = start(uri, [...args, '--json'], { execArgv: ['--import', TELLING] })
  const { stdout, stderr, code } = await ended
  assert.equal(code, 0, stderr)
  const [, kilobytes] = /maxRSS (\d+)/.exec(stderr)
  const records = stdout.split('\n').filter(Boolean)
  return { records: records.map((line) => JSON.parse(line)), bytes: Number(kilobytes) * 1024 }
}

test('stats, list, migrate and revoke take no more memory for 20 000 sessions than for 2000', async (t) => {
  const many = await withSessions(t, MANY)
  const few = await withSessions(t, FEW)
  const migrate = ['migrate', '--from', 'connect-mongo', '--yes', '--userId', 'none']
  for (const [args, holds] of [
    [['stats'], ([{ sessions }], count) => sessions.alive === count],
    [['list', '--limit', '0'], ({ length }, count) => length === count],
    [migrate, ([{ migrated }], count) => migrated === count],
    [['revoke', '--all', '--yes'], ([{ ended }], count) => ended === count],
  ]) {
    const small = await measured(few.uri, ...args)
    const large = await measured(many.uri, ...args)
    assert.ok(holds(small.records, FEW) && holds(large.records, MANY), args[0])
    const growth = large.bytes - small.bytes
    t.diagnostic(
      `${args[0]}: ${(large.bytes / 1e6).toFixed(0)} MB, ${(growth / 1e6).toFixed(0)} more`,
    )
    assert.ok(growth < GROWTH, `${args[0]} took ${growth} bytes more for ${MANY} sessions`)
  }
  assert.equal(await many.sessions.countDocuments(), 0)
})
