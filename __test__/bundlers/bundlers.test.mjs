// What each bundler makes of an application with the store, with the setting of docs/deploying.md and without.
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { database } from '../support.mjs'
import commonjs from '@rollup/plugin-commonjs'
import json from '@rollup/plugin-json'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { rspack } from '@rspack/core'
import { rollup } from 'rollup'
import { build as vite } from 'vite'
import webpack from 'webpack'
import { PRINTED, errorLine, objectOf, project, run, settingsOf } from './build-app.mjs'

const bin = (name) => join(import.meta.dirname, 'node_modules', '.bin', name)

/** What a start without an addon says, on one line. */
const SAYS_WHAT_TO_WRITE =
  /^mongodb-session-store was bundled without its addon\. Leave the package out .*externals/

/** The folder of a bundle where there is no node_modules. */
async function alone(t, folder) {
  const place = await mkdtemp(join(tmpdir(), 'bundle-'))
  t.after(() => rm(place, { recursive: true, force: true, maxRetries: 5 }))
  await cp(folder, place, { recursive: true })
  return place
}

/** Runs a bundle on a database of the test's own. */
async function start(t, folder, name) {
  const { uri } = await database(t)
  return run(folder, process.execPath, [name], { MONGODB_URI: uri })
}

async function works(t, folder, name) {
  const { stdout, stderr } = await start(t, folder, name)
  assert.equal(stdout, PRINTED, stderr)
}

async function saysWhatToWrite(t, folder, name) {
  assert.match(errorLine(await start(t, folder, name)), SAYS_WHAT_TO_WRITE)
}

function esbuild(folder, args, outfile = 'out/app.cjs') {
  const common = [
    'app.mjs',
    '--bundle',
    '--platform=node',
    `--outfile=${outfile}`,
    '--log-level=error',
  ]
  return run(folder, bin('esbuild'), [...common, ...args])
}

for (const setting of settingsOf('esbuild')) {
  test(`esbuild ${setting}: it works`, async (t) => {
    const folder = await project(t)
    const { stderr } = await esbuild(folder, setting.split(' '))
    assert.equal(stderr, '')
    // The addon is beside the bundle, or the package in node_modules.
    const copied = setting.includes('copy')
    await works(t, copied ? await alone(t, join(folder, 'out')) : join(folder, 'out'), 'app.cjs')
  })
}

test('esbuild alone names the file that it cannot take; with another loader the start says what to write', async (t) => {
  const folder = await project(t)
  assert.match((await esbuild(folder, [])).stderr, /No loader is configured for "\.node" files/)
  for (const loader of ['file', 'empty']) {
    const { stderr } = await esbuild(folder, [`--loader:.node=${loader}`], `${loader}/app.cjs`)
    assert.equal(stderr, '')
    await saysWhatToWrite(t, join(folder, loader), 'app.cjs')
  }
})

for (const [name, pack] of [
  ['webpack', webpack],
  ['Rspack', rspack],
]) {
  /** Bundles, and answers the messages of the errors. */
  const bundle = (folder, settings) =>
    new Promise((resolve, reject) => {
      const options = {
        mode: 'development',
        devtool: false,
        target: 'node',
        context: folder,
        entry: './app.mjs',
        output: { path: join(folder, 'out'), filename: 'app.cjs' },
        ...settings,
      }
      pack(options, (error, stats) => {
        if (error) return reject(error)
        resolve(stats.toJson({ all: false, errors: true }).errors.map(({ message }) => message))
      })
    })

  for (const setting of settingsOf(name)) {
    test(`${name} ${setting}: it works`, async (t) => {
      const folder = await project(t)
      assert.deepEqual(await bundle(folder, objectOf(setting)), [])
      await works(t, join(folder, 'out'), 'app.cjs')
    })
  }

  test(`${name} alone names the file that it cannot take, and the start says what to write`, async (t) => {
    const folder = await project(t)
    const errors = await bundle(folder)
    assert.equal(errors.length, 1, errors.join('\n'))
    assert.match(errors[0], /Module parse failed|JavaScript parse error|appropriate loader/i)
    await saysWhatToWrite(t, join(folder, 'out'), 'app.cjs')
  })
}

async function rollUp(folder, settings) {
  const bundle = await rollup({
    input: join(folder, 'app.mjs'),
    plugins: [nodeResolve({ preferBuiltins: true }), commonjs(), json()],
    onwarn() {},
    ...settings,
  })
  await bundle.write({ file: join(folder, 'out', 'app.cjs'), format: 'cjs' })
  await bundle.close()
}

for (const setting of settingsOf('Rollup')) {
  test(`Rollup ${setting}: it works`, async (t) => {
    const folder = await project(t)
    await rollUp(folder, objectOf(setting))
    await works(t, join(folder, 'out'), 'app.cjs')
  })
}

test('Rollup alone names the file that it cannot take', async (t) => {
  const folder = await project(t)
  await assert.rejects(rollUp(folder), {
    message: /mongodb-session-store\.[\w-]+\.node \(1:0\): Unexpected character/,
  })
})

for (const setting of settingsOf('Vite')) {
  test(`Vite ${setting}: it works`, async (t) => {
    const folder = await project(t)
    await vite({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      build: { ssr: 'app.mjs', outDir: 'out' },
      // A server that has its own dependencies in the bundle, but for those that are external.
      ...objectOf(setting),
    })
    const [name] = await readdir(join(folder, 'out'))
    await works(t, join(folder, 'out'), name)
  })
}

test('@vercel/ncc: it works as it is, also without node_modules', async (t) => {
  assert.deepEqual(settingsOf('@vercel/ncc'), ['ncc build app.mjs -o out'])
  const folder = await project(t)
  const [, ...args] = settingsOf('@vercel/ncc')[0].split(' ')
  const { stderr } = await run(folder, bin('ncc'), [...args, '--quiet'])
  assert.equal(stderr, '')
  await works(t, await alone(t, join(folder, 'out')), 'index.mjs')
})
