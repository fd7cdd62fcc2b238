// A process of the bench, and what it has to say.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How long a process may take to say what is waited for, and to end by itself once it is to. */
const ANSWER_MS = 180_000
const ENDING_MS = 20_000

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
  const name = job.contender ? `${module} of ${job.contender}` : module
  const exit = new Promise((resolve, reject) => {
    child.on('error', reject)
    // Not 'close', which Node does not tell of a process that this one has let go of.
    child.once('exit', (code, signal) => {
      running.delete(child)
      const end = () => {
        ended = new Error(`${name} ended: ${signal ?? code}`)
        if (code === 0) resolve()
        else reject(ended)
        wake()
      }
      // What it has said last may still be on its way.
      if (child.connected) child.once('disconnect', end)
      else end()
    })
  })
  exit.catch(() => {})

  async function message(type) {
    for (;;) {
      const index = unread.findIndex((message) => message.type === type)
      if (index >= 0) return unread.splice(index, 1)[0]
      if (ended) throw ended
      await new Promise((resolve) => (wake = resolve))
    }
  }

  /** Waits for the process so long. Then it is ended, and whoever waits for it fails. */
  async function within(ms, awaited) {
    const overdue = setTimeout(() => child.kill('SIGKILL'), ms)
    try {
      return await awaited
    } finally {
      clearTimeout(overdue)
    }
  }

  return {
    pid: child.pid,
    send: (message) => child.send(message),
    disconnect: () => child.connected && child.disconnect(),
    /** Its end. */
    exit: (withinMs = ENDING_MS) => within(withinMs, exit),
    /** The next message of a type; fails when the process has ended without it. */
    message: (type, withinMs = ANSWER_MS) => within(withinMs, message(type)),
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
