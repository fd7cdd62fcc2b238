// Yarn with Plug'n'Play: packages are archives, and only what has to be files is unpacked.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { installPackage } from '../project-support.mjs'
import { database } from '../support.mjs'
import { APP, PRINTED, run, settingsOf } from './build-app.mjs'

const yarn = join(import.meta.dirname, 'node_modules', '.bin', 'yarn')

test('the package is unplugged, and works', async (t) => {
  assert.deepEqual(settingsOf("Yarn Plug'n'Play"), ['.yarn/unplugged'])
  const folder = await mkdtemp(join(tmpdir(), 'yarn-pnp-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await installPackage(join(folder, 'package'))
  // Not tar, which fails when another test links the addon meanwhile.
  const packed = await run(folder, 'npm', ['pack', '--ignore-scripts', './package'])
  assert.equal(packed.code, undefined, packed.stderr)
  await rm(join(folder, 'package'), { recursive: true })
  const dependencies = {
    'mongodb-session-store': `file:./${packed.stdout.trim()}`,
    express: '5.3.0',
    'express-session': '1.19.0',
  }
  const manifest = { name: 'app', private: true, type: 'module', dependencies }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'yarn.lock'), '')
  await writeFile(join(folder, 'app.mjs'), APP)
  // Yarn does not read the settings of npm.
  const { stdout: registry } = await run(folder, 'npm', ['config', 'get', 'registry'])
  const { hostname } = new URL(registry)
  const settings = {
    nodeLinker: 'pnp',
    enableGlobalCache: false,
    enableTelemetry: false,
    npmRegistryServer: registry.trim(),
    unsafeHttpWhitelist: [hostname],
    globalFolder: join(folder, 'global'),
    enableImmutableInstalls: false,
  }
  await writeFile(join(folder, '.yarnrc.yml'), JSON.stringify(settings))
  const env = { MONGODB_URI: (await database(t)).uri }
  const installed = await run(folder, yarn, ['install'], env)
  assert.equal(installed.code, undefined, installed.stdout + installed.stderr)
  const unplugged = await readdir(join(folder, '.yarn', 'unplugged'))
  assert.deepEqual(
    unplugged.map((name) => name.replace(/-virtual-.*$/, '')),
    ['mongodb-session-store'],
  )
  const { stdout, stderr } = await run(folder, yarn, ['node', 'app.mjs'], env)
  assert.equal(stdout, PRINTED, stderr)
})
