// The test runners of applications, each with the same cases (session.cases.mjs) in a project of its own.
import assert from 'node:assert/strict'
import { copyFile, cp, readFile, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { root } from '../../scripts/step.mjs'
import { projectOf } from '../project-support.mjs'

const CASES = 4

const tools = join(import.meta.dirname, 'node_modules')

async function project(t, files) {
  const folder = await projectOf(t, { manifest: { private: true, type: 'module' } })
  await copyFile(join(import.meta.dirname, 'session.cases.mjs'), join(folder, 'session.cases.mjs'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

/** Runs a tool, and answers what it has printed, whether it has failed or not. */
async function run(cwd, command, args, more = {}) {
  // Without the variables by which a test runner tells its files that they are part of its run.
  const { NODE_TEST_CONTEXT: _outer, ...env } = { ...process.env, NO_COLOR: '1', ...more }
  const { stdout, stderr, code } = await promisify(execFile)(command, args, { cwd, env }).catch(
    (error) => error,
  )
  return { code: code ?? 0, output: stdout + stderr }
}

const IMPORTS = `
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'
import { cases } from './session.cases.mjs'
const parts = { MongoSessionStore, session }
`

/** Fakes what a runner's `mocks` fakes, all of it. */
const FAKE_TIME = (mocks) => `
const fakeTime = () => {
  ${mocks}.useFakeTimers()
  return { advance: (ms) => ${mocks}.advanceTimersByTime(ms), restore: () => ${mocks}.useRealTimers() }
}
cases(parts, { test, fakeTime })
`

const JEST = `import { jest, test } from '@jest/globals'${IMPORTS}${FAKE_TIME('jest')}`

test('Jest 30, ES modules: all cases, and no open handles', async (t) => {
  const folder = await project(t, {
    'session.test.mjs': JEST,
    'jest.config.json': '{ "testMatch": ["**/*.test.mjs"], "transform": {} }',
  })
  const args = [join(tools, 'jest', 'bin', 'jest.js'), '--detectOpenHandles']
  const node = ['--experimental-vm-modules', ...args]
  const { code, output } = await run(folder, process.execPath, node)
  assert.match(output, new RegExp(`Tests: +${CASES} passed, ${CASES} total`), output)
  assert.doesNotMatch(output, /open handle|did not exit/)
  assert.equal(code, 0)
})

test('Jest 30, CommonJS: all cases, and no open handles', async (t) => {
  const folder = await project(t, {})
  const source = await readFile(join(folder, 'session.cases.mjs'), 'utf8')
  const cases = source
    .replace(
      "import assert from 'node:assert/strict'",
      "const assert = require('node:assert/strict')",
    )
    .replace(
      "import { createServer } from 'node:http'",
      "const { createServer } = require('node:http')",
    )
    .replace('export function', 'module.exports = function')
  await writeFile(join(folder, 'session.cases.cjs'), cases)
  const text = `
    const parts = {
      session: require('express-session'),
    }
    parts.MongoSessionStore = require('mongodb-session-store')
    const cases = require('./session.cases.cjs')
    ${FAKE_TIME('jest')}`
  await writeFile(join(folder, 'session.test.cjs'), text)
  await writeFile(
    join(folder, 'jest.config.json'),
    '{ "testMatch": ["**/*.test.cjs"], "transform": {} }',
  )
  const args = [join(tools, 'jest', 'bin', 'jest.js'), '--detectOpenHandles']
  const { code, output } = await run(folder, process.execPath, args)
  assert.match(output, new RegExp(`Tests: +${CASES} passed, ${CASES} total`), output)
  assert.doesNotMatch(output, /open handle|did not exit/)
  assert.equal(code, 0)
})

for (const pool of ['forks', 'threads', 'vmForks', 'vmThreads']) {
  test(`Vitest 4, pool ${pool}: all cases`, async (t) => {
    const folder = await project(t, {
      'session.test.mjs': `import { test, vi } from 'vitest'${IMPORTS}${FAKE_TIME('vi')}`,
    })
    const args = [join(tools, 'vitest', 'vitest.mjs'), 'run', `--pool=${pool}`, '--root', folder]
    const { code, output } = await run(folder, process.execPath, args)
    assert.match(output, new RegExp(`Tests +${CASES} passed`), output)
    assert.doesNotMatch(output, /hanging|close timed out/i)
    assert.equal(code, 0, output)
  })
}

test('node:test: all cases', async (t) => {
  const folder = await project(t, {
    'session.test.mjs': `import { mock, test } from 'node:test'${IMPORTS}
      const fakeTime = () => {
        mock.timers.enable()
        return { advance: (ms) => mock.timers.tick(ms), restore: () => mock.timers.reset() }
      }
      cases(parts, { test, fakeTime })`,
  })
  const args = ['--test', '--test-reporter=tap', 'session.test.mjs']
  const { code, output } = await run(folder, process.execPath, args)
  assert.match(output, new RegExp(`# pass ${CASES}$`, 'm'), output)
  assert.equal(code, 0)
})

/** Bun's program: an install script moves it, and whether that has been run is up to npm. */
function bun() {
  const places = [`@oven/bun-${process.platform}-${process.arch}/bin/bun`, '.bin/bun']
  return places.map((place) => join(tools, place)).find((path) => existsSync(path))
}

test('bun test: all cases', async (t) => {
  const folder = await project(t, {
    'session.test.mjs': `import { setSystemTime, test } from 'bun:test'${IMPORTS}
      // Bun fakes the Date alone.
      const fakeTime = () => {
        let now = Date.now()
        const advance = (ms) => setSystemTime(new Date((now += ms)))
        advance(0)
        return { advance, restore: () => setSystemTime() }
      }
      cases(parts, { test, fakeTime })`,
  })
  const { code, output } = await run(folder, bun(), ['test', 'session.test.mjs'])
  assert.match(output, new RegExp(`${CASES} pass\\n`), output)
  assert.equal(code, 0, output)
})

test('examples/testing/: the tests of an application need no server (Jest, Vitest)', async (t) => {
  const folder = await projectOf(t, { links: ['express'], manifest: { type: 'module' } })
  await cp(join(root, 'examples', 'testing'), folder, { recursive: true })
  const node = ['--experimental-vm-modules', join(tools, 'jest', 'bin', 'jest.js')]
  const jest = await run(folder, process.execPath, [...node, '--detectOpenHandles'])
  assert.match(jest.output, /Tests: +1 passed/)
  assert.doesNotMatch(jest.output, /open handle/)
  const args = [join(tools, 'vitest', 'vitest.mjs'), 'run', 'vitest.test.mjs', '--root', folder]
  const vitest = await run(folder, process.execPath, args)
  assert.match(vitest.output, /Tests +1 passed/)
})
