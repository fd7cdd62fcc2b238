// What importing the package does to the process that imports it: nothing that others would notice.
import './neutral-environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { root } from '../scripts/step.mjs'

const execute = promisify(execFile)
const { usesMusl } = createRequire(import.meta.url)('../lib/native/c-library.cjs')

/** Runs JavaScript with `load()`, which imports the package for the first time, and answers what it printed. */
async function run(code) {
  const load = `const load = () => import(${JSON.stringify(join(root, 'index.mjs'))})\n`
  const args = ['--input-type=module', '--eval', load + code]
  const { stdout } = await execute(process.execPath, args)
  return JSON.parse(stdout)
}

/** What a worker thread is stuck in until the main thread has imported the package, or it gives up. */
const STUCK = {
  'Atomics.wait': `Atomics.wait(state, 0, 0, 60_000)`,
  'a synchronous child process': `
    const wait = 'for (let at = Date.now(); !fs.existsSync(process.argv[1]) && Date.now() - at < 60_000; );'
    require('node:child_process').spawnSync(process.execPath, ['-e', wait, workerData.flag])`,
}

for (const [what, wait] of Object.entries(STUCK)) {
  test(`a worker thread in ${what} does not hold up the import`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-import-'))
    t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
    const flag = JSON.stringify(join(folder, 'imported'))
    const program = `
      import { Worker } from 'node:worker_threads'
      import { once } from 'node:events'
      import { writeFileSync } from 'node:fs'
      const state = new Int32Array(new SharedArrayBuffer(8))
      const worker = new Worker(\`
        const { parentPort, workerData } = require('node:worker_threads')
        const { state } = workerData
        parentPort.postMessage('stuck')
        ${wait.replaceAll('\\', '\\\\')}
        state[1] = 1
      \`, { eval: true, execArgv: [], workerData: { state, flag: ${flag} } })
      await once(worker, 'message')
      await load()
      const hasGivenUp = state[1] === 1
      Atomics.store(state, 0, 1)
      Atomics.notify(state, 0)
      writeFileSync(${flag}, '')
      await once(worker, 'exit')
      console.log(hasGivenUp)
    `
    assert.equal(await run(program), false)
  })
}

test('importing leaves process.report alone', async () => {
  const used = await run(`
    const used = []
    const report = process.report
    Object.defineProperty(process, 'report', {
      value: new Proxy(report, {
        get: (target, name) => (used.push(name), Reflect.get(target, name)),
        set: (target, name, value) => (used.push(name), Reflect.set(target, name, value)),
      }),
    })
    await load()
    console.log(JSON.stringify(used))
  `)
  assert.deepEqual(used, [])
})

test('the C library is the one that the executable file asks for', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-elf-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const answer = async (bytes) => {
    const file = join(folder, 'executable')
    await writeFile(file, bytes)
    return usesMusl(file)
  }
  assert.equal(await answer(elf('/lib/ld-musl-x86_64.so.1')), true)
  assert.equal(await answer(elf('/lib/ld-musl-aarch64.so.1', { at: 100_000 })), true)
  assert.equal(await answer(elf('/lib64/ld-linux-x86-64.so.2')), false)
  assert.equal(await answer(elf('/nix/store/0abc-glibc-2.39/lib/ld-linux-x86-64.so.2')), false)
  // A program that was linked statically names no loader, and a script or a truncated file says nothing.
  assert.equal(await answer(elf()), false)
  assert.equal(await answer(elf('/lib/ld-musl-x86_64.so.1').subarray(0, 70)), false)
  assert.equal(await answer('#!/bin/sh\n'), false)
  assert.equal(usesMusl(join(folder, 'missing')), false)
})

test(
  'this very Node is linked with what it reports',
  { skip: process.platform === 'linux' ? false : 'only Linux has more than one C library' },
  () => {
    process.report.excludeNetwork = true
    const { glibcVersionRuntime } = process.report.getReport().header
    assert.equal(usesMusl(), glibcVersionRuntime === undefined)
  },
)

/** An ELF file of 64 bits with a segment to load and, if there is a loader, one that names it. */
function elf(loader, { at = 400 } = {}) {
  const segmentBytes = 56
  const segments = loader ? [1, 3] : [1]
  const file = Buffer.alloc(at + 100)
  file.write('\x7fELF\x02\x01\x01', 'latin1')
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(segmentBytes, 54)
  file.writeUInt16LE(segments.length, 56)
  segments.forEach((type, index) => file.writeUInt32LE(type, 64 + index * segmentBytes))
  if (loader) {
    const entry = 64 + segmentBytes
    file.writeBigUInt64LE(BigInt(at), entry + 8)
    file.writeBigUInt64LE(BigInt(loader.length + 1), entry + 32)
    file.write(loader, at, 'latin1')
  }
  return file
}
