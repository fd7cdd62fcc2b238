// Tests that move the time: sessions expire by the application's `Date`, and calls end although every timer
// and queue is a fake that nobody moves. Each library in a process of its own, since the runner of these
// tests needs real timers. Of jest it is the package that fakes the time, of vitest the one that is built
// into it with the options that vitest gives.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { database } from './support.mjs'

const program = fileURLToPath(new URL('fake-time.cjs', import.meta.url))

const SEEN = {
  together: true,
  callbacks: true,
  events: true,
  ahead: true,
  tomorrow: true,
  almost: true,
  over: true,
  past: true,
  present: true,
}

for (const library of ['sinon', 'jest', 'vitest', 'node:test']) {
  for (const order of ['before', 'after']) {
    for (const engine of ['mongodb', 'memory']) {
      test(`time is faked by ${library} ${order} the import (${engine})`, async (t) => {
        const uri = engine === 'memory' ? 'memory:' : (await database(t)).uri
        const args = ['--no-warnings', program, library, order, uri]
        const { stdout } = await promisify(execFile)(process.execPath, args)
        assert.deepEqual(JSON.parse(stdout), SEEN)
      })
    }
  }
}
