// What the tests of whole programs share: a program in a process of its own, found by its port.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Browser } from './express-support.mjs'
import { freePort, until } from './support.mjs'

/** Spawns a program, which is gone when the test has ended. `output()` answers what it has printed so far. */
export function spawnProgram(t, file, env) {
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = once(child, 'close')
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output += text))
  }
  return { child, exit, output: () => output }
}

/**
 * Starts a program that listens on `PORT`, or ends by itself. It is gone when the test has ended.
 *
 * - `browser`: a browser without any cookie
 * - `output()`: what the program has printed so far
 * - `served()`: waits until the program listens (true) or has ended by itself without an error (false)
 * - `hasEnded()`: whether it has ended
 * - `signal(name)`: sends it a signal
 * - `stop(signal)`: ends it, and answers its exit code and signal
 */
export async function startProgram(t, file, env = {}) {
  const port = await freePort()
  const { child, exit, output } = spawnProgram(t, file, { ...env, PORT: String(port) })
  const origin = `http://127.0.0.1:${port}`
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const answers = async () => {
    // A request that fails costs many times as much as a connection that is refused.
    if (!(await accepts(port))) return false
    try {
      // Its end: the head of an answer comes before its session has been saved.
      await (await fetch(`${origin}/a-page-that-is-not-there`)).text()
      return true
    } catch {
      return false
    }
  }
  return {
    browser: new Browser(origin),
    output,
    hasEnded,
    async served() {
      await until(async () => hasEnded() || (await answers()), 'the program to listen or to end')
      if (!hasEnded()) return true
      await exit
      assert.equal(child.exitCode, 0, output())
      return false
    },
    signal: (name) => child.kill(name),
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      return exit
    },
  }
}

/** Whether anybody listens on a port of this machine. */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
