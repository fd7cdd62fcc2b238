// A process of the bench, and what it has to say.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const running = new Set()

/** Starts a module of this folder with a job. */
export function start(module, job) {
  const path = fileURLToPath(new URL(module, import.meta.url))
  const env = { ...process.env, NODE_ENV: 'production' }
  const child = fork(path, [JSON.stringify(job)], { env, execArgv: profiling(module) })

  running.add(child)

  // A message can come before anyone asks for it.
  const unread = []
  let wake = () => {}
  let ended
  child.on('message', (message) => {
    unread.push(message)
    wake()
  })
  const exit = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      running.delete(child)
      ended = new Error(`${module} of ${job.contender ?? 'the load'} ended: ${signal ?? code}`)
      if (code === 0) resolve()
      else reject(ended)
      wake()
    })
  })
  exit.catch(() => {})

  return {
    send: (message) => child.send(message),
    disconnect: () => child.disconnect(),
    exit: () => exit,
    /** The next message of a type; fails when the process has ended without it. */
    async message(type) {
      for (;;) {
        const index = unread.findIndex((message) => message.type === type)
        if (index >= 0) return unread.splice(index, 1)[0]
        if (ended) throw ended
        await new Promise((resolve) => (wake = resolve))
      }
    },
  }
}

/** Ends what a failure has left behind. */
export function endChildren() {
  for (const child of running) child.kill('SIGKILL')
}

/** profile.mjs wants a profile of whoever runs the store, not of the load. */
function profiling(module) {
  const folder = process.env.BENCH_PROFILE
  if (!folder || module.includes('load')) return []
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`]
}
