// The command line over many sessions: its memory does not grow with them, and what is killed goes on where it was.
import assert from 'node:assert/strict'
import test from 'node:test'
import { configModule, start } from './cli-support.mjs'
import { KEY, OLD_KEY } from './encryption-support.mjs'
import { database, isLong, until } from './support.mjs'

// A few large ones are as many megabytes as many small ones, and sooner done.
const MANY = isLong ? 20_000 : 5000
/** In the long form. */
const VERY_MANY = 200_000
/** Several full pages. */
const FEW = MANY / 10
const PAD = 'x'.repeat(isLong ? 4000 : 16_000)

/** What is less than the sessions that are more, which are 72 MB as they are stored, and 790 MB. */
const GROWTH = 60e6
/** Node frees what it has read no sooner than it has to, so that it gets no room for all of that. In megabytes. */
const HEAP = 64
/** Node frees what it has read when there is enough of that; from then on its memory stays as it is. */
const GROWTH_OF_VERY_MANY = 100e6

/** At the end a process tells the most memory that it had, in KB. */
const TELLING = `data:text/javascript,process.on('exit',()=>process.stderr.write('\\nmaxRSS '+process.resourceUsage().maxRSS))`

/** Stores so many sessions as connect-mongo does. */
async function withSessions(t, count) {
  const place = await database(t)
  const expires = new Date(Date.now() + 3_600_000)
  const session = JSON.stringify({ cookie: { path: '/' }, pad: PAD })
  for (let from = 0; from < count; from += 1000) {
    const documents = Array.from({ length: Math.min(1000, count - from) }, (_, n) => ({
      ...{ _id: `s${from + n}`, expires, session, userId: `u${(from + n) % 7}` },
    }))
    await place.sessions.insertMany(documents)
  }
  return place
}

/** What a command prints, the most memory that it takes, and how long. */
async function measured(uri, ...args) {
  const begun = performance.now()
  const { ended } = start(uri, [...args, '--json'], {
    execArgv: ['--import', TELLING, `--max-old-space-size=${HEAP}`],
  })
  const { stdout, stderr, code } = await ended
  assert.equal(code, 0, stderr)
  const [, kilobytes] = /maxRSS (\d+)/.exec(stderr)
  const records = stdout.split('\n').filter(Boolean)
  const ms = performance.now() - begun
  return { records: records.map((line) => JSON.parse(line)), bytes: Number(kilobytes) * 1024, ms }
}

/** Has a command begin, and kills it once the session of this rank is another one, or gone. */
async function killedAt({ uri, sessions }, rank, args) {
  const raw = { raw: true }
  const [{ _id }] = await sessions.find().sort({ _id: 1 }).skip(rank).limit(1).toArray()
  const before = await sessions.findOne({ _id }, raw)
  const { child, ended } = start(uri, args)
  const isChanged = async () => !(await sessions.findOne({ _id }, raw))?.equals(before)
  await until(isChanged, `${args[0]} to come to its session ${rank}`, 600_000)
  child.kill('SIGKILL')
  const { signal } = await ended
  assert.equal(signal, 'SIGKILL', `${args[0]} was done before it was killed`)
}

test(`stats, list, migrate and revoke take no more memory for ${MANY} sessions than for ${FEW}`, async (t) => {
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

/** What a command has done of its work, if it was killed before. */
const DONE = {
  migrate: ({ migrated, already }) => [migrated, already],
  rekey: ({ rekeyed, current }) => [rekeyed, current],
  revoke: ({ ended }, count) => [ended, count - ended],
  purge: ({ deleted }, count) => [deleted, count - deleted],
}

for (const count of isLong ? [VERY_MANY] : []) {
  test(`${count} sessions in bounded memory, and each command goes on where it was killed`, async (t) => {
    const [many, few] = [await withSessions(t, count), await withSessions(t, FEW)]
    const configOf = (...keys) => {
      const list = keys.map((key) => `Buffer.from('${key.toString('hex')}', 'hex')`)
      const encryption = `{ acceptUnencrypted: true, keys: [${list}] }`
      return configModule(t, `export default { encryption: ${encryption}, deleteFlags: true }`)
    }
    const [older, newer] = [await configOf(OLD_KEY), await configOf(KEY, OLD_KEY)]
    const changes = async (name, ...args) => {
      const command = [name, ...args, '--yes']
      await killedAt(many, Math.floor(count / 3), command)
      // What is purged is gone, so that the next one begins with another session.
      const left = await many.sessions.countDocuments()
      await killedAt(many, Math.floor(left < count ? left / 2 : (count * 2) / 3), command)
      const found = await reads(...command)
      const [done, before] = DONE[name](found.records[0], count)
      assert.ok(done > 0 && before > 0, `${name}: ${done} after ${before}`)
      assert.equal(done + before, count)
    }
    const reads = async (...args) => {
      const small = await measured(few.uri, ...args)
      const large = await measured(many.uri, ...args)
      const growth = large.bytes - small.bytes
      t.diagnostic(
        `${args[0]}: ${(large.ms / 1000).toFixed(1)} s, ${(large.bytes / 1e6).toFixed(0)} MB, ` +
          `${(growth / 1e6).toFixed(0)} more than for ${FEW}`,
      )
      assert.ok(growth < GROWTH_OF_VERY_MANY, `${args[0]} took ${growth} bytes more`)
      return large
    }
    const { records } = await reads('stats')
    assert.equal(records[0].sessions.alive, count)
    assert.equal((await reads('list')).records.length, count)
    assert.equal((await reads('users')).records.length, 7)
    await changes('migrate', '--from', 'connect-mongo', '--userId', 'none')
    await changes('rekey', '--config', older)
    await changes('rekey', '--config', newer)
    await changes('revoke', '--all', '--config', newer)
    assert.equal(await many.sessions.countDocuments({ deleted: true }), count)
    for (const { sessions } of [many, few]) {
      await sessions.updateMany({}, { $set: { expires: new Date(1) } })
    }
    await changes('purge', '--config', newer)
    assert.equal(await many.sessions.countDocuments(), 0)
  })
}
