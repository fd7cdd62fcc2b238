// The application under load: in this process, or in `workers` processes of a node:cluster.
import cluster from 'node:cluster'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { cpuNow, mainThreadMethod } from './cpu.mjs'
import { createApp, httpSids } from './http-app.mjs'
import { runLanes } from './lanes.mjs'
import { makeSession } from './sessions.mjs'

const DRAIN_MS = 300

const job = JSON.parse(process.argv[2])

// Without the bench there is nobody to tell.
process.once('disconnect', () => process.exit())
if (cluster.isPrimary && job.workers > 1) await runPrimary()
else await runApp()

async function runApp() {
  const { default: contender } = await import(`../contenders/${job.contender}.mjs`)
  const store = await contender.open(job.uri)
  // Every worker does it: those of MemoryStore do not share their sessions.
  await runLanes({
    operation: (sid, lane, done) => store.set(sid, makeSession(job.size, lane), done),
    sids: httpSids,
    consumes: true,
    concurrency: 16,
  })
  const server = createApp(store).listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.on('message', async ({ type }) => {
    if (type === 'usage') {
      process.send({ type, cpu: cpuNow(job.mongodPid), rss: process.memoryUsage.rss() })
    } else if (type === 'close') {
      server.close()
      server.closeAllConnections()
      // The load stopped without waiting for its last answers.
      await setTimeout(DRAIN_MS)
      await contender.close(store)
      process.disconnect()
    }
  })
  process.send({ type: 'listening', port: server.address().port, mainThreadMethod })
}

/** Passes on what it is asked, and adds up the answers. */
async function runPrimary() {
  cluster.schedulingPolicy = cluster.SCHED_RR
  const workers = Array.from({ length: job.workers }, () => cluster.fork())
  const answers = (type) =>
    Promise.all(
      workers.map(async (worker) => {
        for (;;) {
          const [message] = await once(worker, 'message')
          if (message.type === type) return message
        }
      }),
    )
  const [listening] = await answers('listening')
  process.on('message', async (message) => {
    const isClose = message.type === 'close'
    const done = isClose ? workers.map((worker) => once(worker, 'exit')) : [answers(message.type)]
    for (const worker of workers) worker.send(message)
    const [answered] = await Promise.all(done)
    if (isClose) process.disconnect()
    else process.send(total(answered))
  })
  process.send(listening)
}

/** The workers hold the event loops of the application; the primary only hands out connections. */
function total(answers) {
  const sum = (pick) => answers.reduce((all, answer) => all + pick(answer), 0)
  const own = cpuNow(job.mongodPid)
  const cpu = {
    ...own,
    main: sum(({ cpu }) => cpu.main),
    process: own.process + sum(({ cpu }) => cpu.process),
  }
  return { type: 'usage', cpu, rss: sum(({ rss }) => rss) + process.memoryUsage.rss() }
}
