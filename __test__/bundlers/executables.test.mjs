// Applications in one file: by `bun build --compile`, and as a single executable application of Node.
import assert from 'node:assert/strict'
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { addonName } from '../../scripts/build.mjs'
import { root } from '../../scripts/step.mjs'
import { database } from '../support.mjs'
import { PRINTED, errorLine, project, run, settingsOf } from './build-app.mjs'

const bin = (name) => join(import.meta.dirname, 'node_modules', '.bin', name)

async function emptyFolder(t) {
  const place = await mkdtemp(join(tmpdir(), 'executable-'))
  t.after(() => rm(place, { recursive: true, force: true, maxRetries: 5 }))
  return place
}

/** Bun's program: an install script moves it, and whether that has been run is up to npm. */
function bun() {
  const places = [`@oven/bun-${process.platform}-${process.arch}/bin/bun`, '.bin/bun']
  return places
    .map((place) => join(import.meta.dirname, 'node_modules', place))
    .find((path) => existsSync(path))
}

test('bun build --compile: the addon is in the executable', async (t) => {
  const [command] = settingsOf('Bun')
  assert.equal(command, 'bun build --compile app.mjs --outfile app')
  const folder = await project(t)
  const built = await run(folder, bun(), command.split(' ').slice(1))
  assert.ok(existsSync(join(folder, 'app')), built.stderr)
  const place = await emptyFolder(t)
  await copyFile(join(folder, 'app'), join(place, 'app'))
  const { uri } = await database(t)
  const { stdout, stderr } = await run(place, join(place, 'app'), [], { MONGODB_URI: uri })
  assert.equal(stdout, PRINTED, stderr)
})

test('a single executable application of Node: the addon is the file beside it', async (t) => {
  const folder = await project(t)
  const page = await readFile(join(root, 'docs', 'deploying.md'), 'utf8')
  const [, entry] = /^```js\n(import \{ dirname[^]*?)^```$/m.exec(page)
  await writeFile(join(folder, 'addon.mjs'), entry)
  await writeFile(join(folder, 'main.mjs'), "import './addon.mjs'\nimport './app.mjs'\n")
  const [command] = settingsOf('Node SEA')
  const [tool, ...args] = command.split(' ')
  assert.equal(tool, 'esbuild')
  const bundled = await run(folder, bin('esbuild'), [...args, '--log-level=error'])
  assert.equal(bundled.stderr, '')
  const config = { main: 'main.cjs', output: 'main.blob', disableExperimentalSEAWarning: true }
  await writeFile(join(folder, 'sea.json'), JSON.stringify(config))
  const blob = await run(folder, process.execPath, ['--experimental-sea-config', 'sea.json'])
  assert.equal(blob.code, undefined, blob.stderr)

  const place = await emptyFolder(t)
  const app = join(place, 'app')
  await copyFile(process.execPath, app)
  await chmod(app, 0o755)
  const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2']
  const injected = await run(folder, bin('postject'), [app, 'NODE_SEA_BLOB', 'main.blob', ...fuse])
  assert.equal(injected.code, undefined, injected.stderr)

  const { uri } = await database(t)
  const without = await run(place, app, [], { MONGODB_URI: uri })
  assert.match(errorLine(without), /names\. There is no such file\.$/)
  await copyFile(join(root, addonName()), join(place, addonName()))
  const { stdout, stderr } = await run(place, app, [], { MONGODB_URI: uri })
  assert.equal(stdout, PRINTED, stderr)
})
