// `npm run bench`: every trial × every contender, each in a process of its own, round after round.
// `-- --quick`, `-- --only <trial>`, `-- --rounds <n>`, `-- --duration <ms>`; see README.md.
import { parseArgs } from 'node:util'
import { main } from '../scripts/step.mjs'
import { endChildren } from './harness/child.mjs'
import { openDatabase } from './harness/database.mjs'
import { runHttpJob } from './harness/http-job.mjs'
import { demandReleaseBuild } from './harness/package-folder.mjs'
import { runStoreJob } from './harness/store-job.mjs'
import { CONTENDERS, fullPlan, quickPlan } from './plan.mjs'
import { environment } from './report/environment.mjs'
import { writeReport } from './report/report.mjs'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    duration: { type: 'string' },
  },
})

await main(async () => {
  demandReleaseBuild()
  const plan = options.quick ? quickPlan() : fullPlan()
  const jobs = plan.filter(({ trial }) => !options.only || trial === options.only)
  if (jobs.length === 0) throw new Error(`There is no trial '${options.only}'`)
  const rounds = Number(options.rounds)
  if (!(rounds >= 1)) throw new Error('--rounds wants a number')
  const timing = options.quick
    ? { store: { warmUp: 3000, durationMs: 400 }, http: { warmUp: 1500, durationMs: 1500 } }
    : { store: { warmUp: 8000, durationMs: 800 }, http: { warmUp: 4000, durationMs: 2500 } }
  if (options.duration !== undefined) {
    const durationMs = Number(options.duration)
    if (!(durationMs >= 100)) {
      throw new Error('--duration wants a number of milliseconds from 100 on')
    }
    timing.store.durationMs = durationMs
    timing.http.durationMs = 3 * durationMs
  }

  const contenders = await loadContenders()
  const database = await openDatabase()
  const figures = []
  let mainThreadMethod
  const report = (done) =>
    writeReport({
      name: options.only ?? (options.quick ? 'quick' : 'full'),
      environment: environment({ database, mainThreadMethod, rounds: done, timing }),
      contenders: [...contenders.values()].map(({ name, version, role }) => {
        return { name, version, role }
      }),
      figures,
    })

  try {
    const runs = schedule({ jobs, rounds, contenders })
    const begin = Date.now()
    for (const [index, { round, job, file }] of runs.entries()) {
      const contender = contenders.get(file)
      announce({ index, runs, begin, round, job, contender })
      const run = job.level === 'http' ? runHttpJob : runStoreJob
      try {
        const done = await run(job, { file, contender, database, timing: timing[job.level] })
        mainThreadMethod = done.mainThreadMethod
        for (const result of done.results) {
          figures.push({ trial: job.trial, contender: contender.name, round, ...result })
        }
      } catch (error) {
        // One that fails must not cost the figures of the others.
        console.error(`  failed, and goes without a figure: ${error.message}`)
        process.exitCode = 1
        endChildren()
      }
      // A long run that is interrupted leaves the rounds that it has finished.
      if (runs[index + 1]?.round !== round) await report(round + 1)
    }
    await database.checkIndexes()
    const { path, targets } = await report(rounds)
    console.log(`\n${targets}\n\nAll figures: ${path}`)
  } finally {
    endChildren()
    await database.close()
  }
})

async function loadContenders() {
  const contenders = new Map()
  for (const file of CONTENDERS) {
    const { default: contender } = await import(`./contenders/${file}.mjs`)
    contenders.set(file, contender)
  }
  return contenders
}

/** Round-robin over the contenders in each trial, another one first in every round. */
function schedule({ jobs, rounds, contenders }) {
  const runs = []
  for (let round = 0; round < rounds; round++) {
    for (const job of jobs) {
      const able = job.contenders.filter((file) => isAble(contenders.get(file), job))
      const turned = able.map((_, index) => able[(index + round) % able.length])
      for (const file of turned) runs.push({ round, job, file })
    }
  }
  return runs
}

/** connect-mongodb-session has no touch; 'limit' wants a server that it can reach by itself. */
function isAble(contender, { trial }) {
  const needsTouch = /touch|mixed|memory/.test(trial)
  if (needsTouch && contender.name === 'connect-mongodb-session') return false
  return contender.role !== 'limit' || !process.env.MONGODB_URI
}

function announce({ index, runs, begin, round, job, contender }) {
  const left =
    index === 0 ? '' : `, ${minutes(((Date.now() - begin) / index) * (runs.length - index))} left`
  const { size, workers, sessions } = job.points[0]
  const what = [
    job.trial,
    `${size} KB`,
    workers && `${workers} process(es)`,
    sessions && `${sessions} sessions`,
  ]
  console.log(
    `[${index + 1}/${runs.length}${left}] round ${round + 1}: ${what.filter(Boolean).join(', ')}: ${contender.name}`,
  )
}

function minutes(milliseconds) {
  return `${Math.ceil(milliseconds / 6000) / 10} min`
}
