// Electron by the line of docs/deploying.md: what the real electron-builder packs. Electron's own program, which it would
// download, is not on npm, so an empty file is in its place, and Node runs what was packed.
import assert from 'node:assert/strict'
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { addonName } from '../../scripts/build.mjs'
import { installPackage } from '../project-support.mjs'
import { database } from '../support.mjs'
import { APP, PRINTED, objectOf, run, settingsOf } from './build-app.mjs'

const require = createRequire(import.meta.url)

// What packs, and what takes apart, in a version for Node 20; as in a project of Electron, they are no dependencies of the application.
const TOOLS = ['electron-builder@26.17.0', '@electron/asar@3.4.1']
const ELECTRON = '45.3.4'

async function emptyFolder(t) {
  const place = await mkdtemp(join(tmpdir(), 'mongodb-session-store-electron-'))
  t.after(() => rm(place, { recursive: true, force: true, maxRetries: 5 }))
  return place
}

/** Runs one of npm's commands or of the tools, and answers what it has printed. */
async function step(folder, command, args) {
  const { code, stdout, stderr } = await run(folder, command, args)
  assert.equal(code, undefined, stdout + stderr)
  return stdout
}

/** A project in which everything is installed and nothing is linked, as electron-builder wants it. */
async function installedProject(t) {
  const folder = await emptyFolder(t)
  await installPackage(join(folder, 'package'))
  // One built for tests has 200 MB, which npm need not pack.
  const addon = join(folder, addonName())
  await rename(join(folder, 'package', addonName()), addon)
  const tarball = await step(folder, 'npm', ['pack', '--ignore-scripts', './package'])
  const manifest = { name: 'app', version: '1.0.0', main: 'app.mjs', type: 'module' }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  await writeFile(join(folder, 'app.mjs'), APP)
  const express = ['express', 'express-session'].map((name) => {
    return `${name}@${require(`${name}/package.json`).version}`
  })
  const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  await step(folder, 'npm', ['install', ...quietly, `./${tarball.trim()}`, ...express])
  await step(folder, 'npm', ['install', ...quietly, '--ignore-scripts', '--save-dev', ...TOOLS])
  await rename(addon, join(folder, 'node_modules', 'mongodb-session-store', addonName()))
  return folder
}

test('electron-builder: the addon lies beside the archive, and what is packed works', async (t) => {
  const [setting] = settingsOf('Electron')
  const folder = await installedProject(t)
  const electronDist = join(folder, 'electron-dist')
  await mkdir(electronDist)
  for (const name of ['electron', 'version']) await writeFile(join(electronDist, name), '')
  const config = {
    ...objectOf(setting),
    electronDist,
    electronVersion: ELECTRON,
    files: ['app.mjs'],
    linux: { target: 'dir' },
  }
  await writeFile(join(folder, 'builder.json'), JSON.stringify(config))
  const bin = join(folder, 'node_modules', '.bin')
  const args = ['--linux', '--config', 'builder.json', '--publish', 'never']
  await step(folder, join(bin, 'electron-builder'), args)

  // The system loads no file of an archive.
  const resources = join(folder, 'dist', 'linux-unpacked', 'resources')
  const addon = join('node_modules', 'mongodb-session-store', addonName())
  await access(join(resources, 'app.asar.unpacked', addon))
  // Elsewhere, so that nothing is found that was not packed.
  const place = await emptyFolder(t)
  await rename(resources, join(place, 'resources'))
  await step(place, join(bin, 'asar'), ['extract', join('resources', 'app.asar'), 'app'])
  const { uri } = await database(t)
  const ran = await run(join(place, 'app'), process.execPath, ['app.mjs'], { MONGODB_URI: uri })
  assert.equal(ran.stdout, PRINTED, ran.stderr)
})
