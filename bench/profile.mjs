// Where the time of one contender in one trial goes: `node bench/profile.mjs get --size 2`.
// Prints CPU per operation and the functions that took the main thread's time; the profile itself
// (for Chrome's DevTools) is kept with `--out <folder>`.
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { main } from '../scripts/step.mjs'
import { endChildren } from './harness/child.mjs'
import { openDatabase } from './harness/database.mjs'
import { demandReleaseBuild } from './harness/package-folder.mjs'
import { enterHttpTrial } from './harness/http-entrant.mjs'
import { enterStoreTrial } from './harness/store-entrant.mjs'
import { httpJob, storeJob } from './plan.mjs'

const SHOWN = 25

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    contender: { type: 'string', default: 'mongodb-session-store' },
    size: { type: 'string', default: '2' },
    concurrency: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '5' },
    out: { type: 'string' },
  },
})

await main(async () => {
  demandReleaseBuild()
  const [trial = 'get'] = positionals
  const file = options.contender
  const { default: contender } = await import(`./contenders/${file}.mjs`)
  const size = Number(options.size)
  const concurrency = Number(options.concurrency)
  const isHttp = trial.startsWith('http')
  const job = isHttp ? httpJob(trial, 1, [concurrency]) : storeJob(trial, size, [concurrency])
  const timing = { warmUp: 4000, durationMs: Number(options.seconds) * 1000 }

  const folder = options.out ? resolve(options.out) : await mkdtemp(join(tmpdir(), 'bench-'))
  const database = await openDatabase()
  // The processes of the trial inherit it; this one has begun without.
  process.env.BENCH_PROFILE = folder
  try {
    const enter = isHttp ? enterHttpTrial : enterStoreTrial
    const entrant = await enter(job, { file, contender, database, timing })
    const { perSecond, cpu, p50, p99 } = await entrant.measure(job.points[0])
    await entrant.leave()
    const { mainThreadMethod } = entrant
    console.log(`\n${contender.name}: ${Math.round(perSecond)}/s, p50 ${p50} ms, p99 ${p99} ms`)
    console.log(`CPU in µs per operation (main thread by ${mainThreadMethod}):`, cpu)
    const [name] = (await readdir(folder)).filter((each) => each.endsWith('.cpuprofile'))
    printSelfTimes(JSON.parse(await readFile(join(folder, name), 'utf8')))
  } finally {
    endChildren()
    await database.close()
    if (!options.out) await rm(folder, { recursive: true })
  }
})

/** The functions in which the main thread was found most, as shares of the time it was busy. */
function printSelfTimes({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node.callFrame]))
  const times = new Map()
  let busy = 0
  for (const [index, id] of samples.entries()) {
    const { functionName, url, lineNumber } = byId.get(id)
    if (functionName === '(idle)') continue
    const file = url.split('/').slice(-2).join('/')
    const name = `${functionName || '(anonymous)'} ${file}${url && `:${lineNumber + 1}`}`
    times.set(name, (times.get(name) ?? 0) + timeDeltas[index])
    busy += timeDeltas[index]
  }
  const sorted = [...times].sort(([, a], [, b]) => b - a).slice(0, SHOWN)
  for (const [name, time] of sorted) {
    console.log(`${((time / busy) * 100).toFixed(1).padStart(6)} %  ${name}`)
  }
}
