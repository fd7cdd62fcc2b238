// `npm run bench`: every trial × every contender, each in a process of its own, which take turns.
// `-- --quick`, `-- --only <trial>,<trial>`, `-- --only footprint`, `-- --at <coordinate>=<number>,…`, `-- --rounds <n>`,
// `-- --duration <ms>`; see README.md.
import { parseArgs } from 'node:util'
import { main } from '../scripts/step.mjs'
import { footprint } from './footprint/footprint.mjs'
import { endChildren } from './harness/child.mjs'
import { Contest } from './harness/contest.mjs'
import { openDatabase } from './harness/database.mjs'
import { demandReleaseBuild } from './harness/package-folder.mjs'
import { fullPlan, quickPlan } from './plan.mjs'
import { environment } from './report/environment.mjs'
import { writeReport } from './report/report.mjs'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    at: { type: 'string' },
    rounds: { type: 'string' },
    duration: { type: 'string' },
  },
})

await main(async () => {
  demandReleaseBuild()
  if (options.only === 'footprint') return printFootprint()
  const plan = options.quick ? quickPlan() : fullPlan()
  const only = options.only?.split(',')
  const unknown = only?.find((name) => !plan.some(({ trial }) => trial === name))
  if (unknown !== undefined) throw new Error(`There is no trial '${unknown}'`)
  const jobs = at(
    options.at,
    plan.filter(({ trial }) => !only || only.includes(trial)),
  )
  const rounds = Number(options.rounds ?? (options.quick ? 3 : 5))
  if (!(rounds >= 1)) throw new Error('--rounds wants a number')
  const timing = timingOf(options)
  const contenders = await loadContenders(jobs)
  const database = await openDatabase()
  const figures = []
  let mainThreadMethod
  const report = () =>
    writeReport({
      name: [only?.join('-') ?? (options.quick ? 'quick' : 'full'), options.at?.split(/[=,]/)]
        .flat()
        .filter(Boolean)
        .join('-'),
      environment: environment({ database, mainThreadMethod, rounds, timing }),
      contenders: [...contenders.values()].map(({ name, version, role }) => {
        return { name, version, role }
      }),
      figures,
    })

  try {
    const begin = Date.now()
    for (const [index, job] of jobs.entries()) {
      const { needs } = (await import(`./trials/${job.trial}.mjs`)).default
      const files = job.contenders.filter((file) => isAble(contenders.get(file), job, needs))
      const contest = new Contest(job, files, { contenders, database, timing })
      for (let round = 0; round < rounds; round++) {
        announce({ index, jobs, job, round, rounds, begin })
        for await (const { file, point, error, figure, method } of contest.round(round)) {
          const { name, lacks } = contenders.get(file)
          if (error) {
            console.error(`  ${name} failed, and goes without a figure: ${error.message}`)
            process.exitCode = 1
            continue
          }
          mainThreadMethod = method
          const isPartial = needs !== undefined && lacks === needs ? true : undefined
          figures.push({ trial: job.trial, contender: name, round, isPartial, ...point, ...figure })
        }
      }
      for await (const { file, error } of contest.end()) {
        console.error(`  ${contenders.get(file).name} did not leave: ${error.message}`)
        process.exitCode = 1
      }
      // A long run that is interrupted leaves the trials that it has finished.
      await report()
    }
    await database.checkIndexes()
    const { path, targets } = await report()
    console.log(`\n${targets}\n\nAll figures: ${path}`)
  } finally {
    endChildren()
    await database.close()
  }
})

/** What is no trial: no contender has a second turn in one process. */
async function printFootprint() {
  const database = await openDatabase()
  try {
    const lines = await footprint({ database, rounds: Number(options.rounds ?? 15) })
    console.log(`\n${lines.join('\n')}`)
  } finally {
    await database.close()
  }
}

/** How long a warm-up is, in operations, and a turn, in milliseconds. */
function timingOf({ quick, duration }) {
  const timing = quick
    ? { store: { warmUp: 3000, durationMs: 400 }, http: { warmUp: 1500, durationMs: 1200 } }
    : { store: { warmUp: 8000, durationMs: 500 }, http: { warmUp: 4000, durationMs: 1500 } }
  if (duration === undefined) return timing
  const durationMs = Number(duration)
  if (!(durationMs >= 100)) throw new Error('--duration wants a number of milliseconds from 100 on')
  timing.store.durationMs = durationMs
  timing.http.durationMs = 3 * durationMs
  return timing
}

/** The points of the jobs that have these coordinates: 'connections=64,workers=2'. */
function at(coordinates, jobs) {
  if (coordinates === undefined) return jobs
  const wanted = coordinates.split(',').map((one) => one.split('='))
  const isWanted = (point) => wanted.every(([name, value]) => point[name] === Number(value))
  const left = jobs
    .map((job) => ({ ...job, points: job.points.filter(isWanted) }))
    .filter(({ points }) => points.length > 0)
  if (left.length === 0) throw new Error(`No trial has a point at '${coordinates}'`)
  return left
}

async function loadContenders(jobs) {
  const contenders = new Map()
  for (const file of new Set(jobs.flatMap((job) => job.contenders))) {
    const { default: contender } = await import(`./contenders/${file}.mjs`)
    contenders.set(file, contender)
  }
  return contenders
}

/**
 * Who lacks a method that a trial calls cannot take part; over HTTP express-session does without it, and
 * the figure is marked. 'limit' wants a server that it can reach by itself.
 */
function isAble({ role, lacks }, { level }, needs) {
  if (level === 'store' && needs !== undefined && lacks === needs) return false
  return role !== 'limit' || !process.env.MONGODB_URI
}

function announce({ index, jobs, job, round, rounds, begin }) {
  const { size, workers } = job.points[0]
  const what = [job.trial, `${size} KB`, workers && `${workers} process(es)`]
  const minutes = ((Date.now() - begin) / 60_000).toFixed(1)
  console.log(
    `[${minutes} min] trial ${index + 1} of ${jobs.length}, round ${round + 1} of ${rounds}: ${what.filter(Boolean).join(', ')}`,
  )
}
