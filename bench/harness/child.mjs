// A process of the bench, and what it has to say.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Starts a module of this folder with a job; its arguments never reach a shell. */
export function start(module, job, options = {}) {
  const path = fileURLToPath(new URL(module, import.meta.url))
  const env = { ...process.env, NODE_ENV: 'production' }
  const child = fork(path, [JSON.stringify(job)], { env, ...options })
  const failure = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (code !== 0) reject(new Error(`${module} ended with ${signal ?? `code ${code}`}`))
      else resolve()
    })
  })
  failure.catch(() => {})

  return {
    child,
    send: (message) => child.send(message),
    exit: () => failure,
    /** The next message of a type, or the failure of the process. */
    async message(type) {
      const ended = failure.then(() => {
        throw new Error(`${module} ended without ${type}`)
      })
      for (;;) {
        const [message] = await Promise.race([once(child, 'message'), ended])
        if (message.type === type) return message
      }
    },
  }
}
