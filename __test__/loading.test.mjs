// How the addon is found, and what is said where it is not or is refused.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { addonName } from '../scripts/build.mjs'
import { neededGlibc, neededVersions } from '../scripts/elf.mjs'
import { checkFloor } from '../scripts/glibc-floor.mjs'
import { root } from '../scripts/step.mjs'
import { isLong } from './support.mjs'

const require = createRequire(import.meta.url)
const { reasonOf } = require('../lib/native/refusal.cjs')
const { PLATFORMS } = require('../lib/native/platforms.cjs')

const PLATFORM = addonName().split('.')[1]
const execute = promisify(execFile)

/** A project with the package as it is here, but for its addon; in a folder of its own, or a certain one. */
async function projectWithoutAddon(t, certain) {
  const folder = certain ?? (await mkdtemp(join(tmpdir(), 'mongodb-session-store-loading-')))
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  if (certain) await remove()
  t.after(remove)
  const place = join(folder, 'node_modules', 'mongodb-session-store')
  await mkdir(place, { recursive: true })
  const { files } = require(join(root, 'package.json'))
  const shipped = [...files.filter((name) => !name.includes('*')), 'package.json']
  for (const name of shipped) {
    // cargo goes by the times of the sources.
    const exactly = { recursive: true, preserveTimestamps: true }
    await cp(join(root, name), join(place, name), exactly)
  }
  for (const name of ['express-session', 'bson', 'commander']) {
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
  }
  return { folder, place, addon: join(place, addonName()) }
}

const BOTH = [
  ['import', ['--input-type=module', '--eval', "await import('mongodb-session-store')"]],
  ['require', ['--eval', "require('mongodb-session-store')"]],
]

/** The error that the import and the require of the package end with: the same. */
async function failure(cwd, { args = [], env = {}, node = process.execPath } = {}) {
  const seen = []
  for (const [, load] of BOTH) {
    const { stderr } = await execute(node, [...args, ...load], {
      cwd,
      env: { ...process.env, ...env },
    }).then(assert.fail, (error) => error)
    assert.match(stderr, /code: 'ERR_STORE_ADDON'/)
    seen.push(/^Error: (mongodb-session-store .*)$/m.exec(stderr)[1])
  }
  assert.equal(seen[0], seen[1])
  return seen[0]
}

test('without an addon the message tells how to build one, and of no package that this release does not own', async (t) => {
  const { folder, place } = await projectWithoutAddon(t)
  const message = await failure(folder)
  assert.ok(message.includes(`no addon for ${PLATFORM} that works`), message)
  assert.ok(message.includes('npx mongodb-session-store build'), message)
  assert.doesNotMatch(message, /npm install/)

  const file = join(place, 'package.json')
  const manifest = JSON.parse(await readFile(file, 'utf8'))
  const own = `mongodb-session-store-${PLATFORM}`
  manifest.optionalDependencies = { [own]: '0.1.0' }
  await writeFile(file, JSON.stringify(manifest))
  const owned = await failure(folder)
  assert.ok(owned.includes(`npm install ${own}@0.1.0`), owned)
})

test('the package of the platform has the addon where this one does not', async (t) => {
  const { folder } = await projectWithoutAddon(t)
  const own = join(folder, 'node_modules', `mongodb-session-store-${PLATFORM}`)
  await mkdir(own)
  await cp(join(root, addonName()), join(own, addonName()))
  await writeFile(join(own, 'package.json'), JSON.stringify({ main: addonName() }))
  for (const [, load] of BOTH) await execute(process.execPath, load, { cwd: folder })
})

test('a bundle without the addon says what to leave out of it', async () => {
  const text = await readFile(join(root, 'lib', 'native', 'addon.cjs'), 'utf8')
  // As bundlers do it: the text becomes a function of a `module` that is no file, and no addon is found.
  const parts = { './platforms.cjs': { PLATFORMS: {} }, './refusal.cjs': { reasonOf } }
  parts['./platform.cjs'] = { platformName: () => PLATFORM }
  const bundled = new Function('require', 'module', 'process', text)
  const load = (place) => {
    parts['./platforms.cjs'].PLATFORMS[PLATFORM] = place
    bundled((name) => parts[name] ?? require(name), { exports: {} }, process)
  }
  const places = {
    'nothing is there': (failed) => failed(new Error('an error of the bundler')),
    'the path of a copied file': () => './mongodb-session-store-JNQIPIM3.node',
    'an empty module': () => ({}),
  }
  for (const [title, place] of Object.entries(places)) {
    const expected = {
      code: 'ERR_STORE_ADDON',
      message: /^[^\n]*--external:mongodb-session-store[^\n]*$/,
    }
    assert.throws(() => load(place), expected, title)
  }
})

test('NAPI_RS_NATIVE_LIBRARY_PATH names the addon that is loaded', async (t) => {
  const { folder } = await projectWithoutAddon(t)
  const elsewhere = join(folder, 'elsewhere.node')
  const env = { NAPI_RS_NATIVE_LIBRARY_PATH: elsewhere }
  assert.match(
    await failure(folder, { env }),
    /NAPI_RS_NATIVE_LIBRARY_PATH names\. There is no such file/,
  )
  await cp(join(root, addonName()), elsewhere)
  for (const [, load] of BOTH) {
    await execute(process.execPath, load, { cwd: folder, env: { ...process.env, ...env } })
  }
})

test('an addon that is no addon is said to be for another platform', async (t) => {
  const { folder, addon } = await projectWithoutAddon(t)
  await writeFile(addon, 'not an addon')
  assert.match(await failure(folder), /was refused\. .*install again on this very/)
})

test('where Node may load no addons, the message says which flag to change', async () => {
  assert.match(await failure(root, { args: ['--no-addons'] }), /--no-addons: leave that out/)
  const env = { NODE_OPTIONS: '--no-addons' }
  assert.match(await failure(root, { env }), /--no-addons: leave that out/)
  const [major] = process.versions.node.split('.').map(Number)
  const permission = major < 24 ? '--experimental-permission' : '--permission'
  const args = [permission, '--allow-fs-read=*']
  assert.match(await failure(root, { args }), /add --allow-addons/)
})

test('an addon for a newer C library than this one is said to be so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-loading-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  if (PLATFORM !== 'linux-x64-gnu') return t.skip(`it is about glibc, and this is ${PLATFORM}`)
  const addon = join(folder, 'newer.node')
  await writeFile(addon, await withNewerGlibc(require.resolve('@napi-rs/lzma-linux-x64-gnu')))
  const env = { NAPI_RS_NATIVE_LIBRARY_PATH: addon }
  assert.match(await failure(root, { env }), /older than the one that the addon needs/)
})

test('the glibc that an addon needs is read from its file, and held against the one promised', (t) => {
  if (PLATFORM !== 'linux-x64-gnu') return t.skip(`it is about glibc, and this is ${PLATFORM}`)
  const [major, minor] = neededGlibc(join(root, addonName()))
  checkFloor(join(root, addonName()), `${major}.${minor}`)
  const older = `${major}.${minor - 1}`
  assert.throws(
    () => checkFloor(join(root, addonName()), older),
    /needs GLIBC_2\.\d+ of .*, and is to work with/,
  )
})

/** A small addon of somebody else, as if it had been built on a system of the future. */
async function withNewerGlibc(file) {
  const bytes = await readFile(file)
  const { version, at, nameAt } = neededVersions(file).find(({ version }) => {
    return /^GLIBC_2\.\d\d$/.test(version)
  })
  const newer = version.replace(/\d\d$/, '99')
  bytes.write(newer, nameAt, 'latin1')
  // The dynamic loader compares names by this hash first; see the ELF specification.
  let hash = 0
  for (const byte of Buffer.from(newer)) {
    hash = (hash * 16 + byte) >>> 0
    hash = (hash ^ ((hash & 0xf0000000) >>> 24)) & 0x0fffffff
  }
  bytes.writeUInt32LE(hash, at)
  return bytes
}

test('what runtimes and dynamic loaders say is understood', () => {
  // As Deno 2.9, glibc, musl and macOS say it; not all of them can be had in every run of the tests.
  const said = [
    [
      'NotCapable: Requires ffi access to "x.node", run again with the --allow-ffi flag',
      /--allow-ffi/,
    ],
    ["/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.99' not found", /older than the one/],
    ['libc.so: cannot open shared object file', /another C library/],
    ['/lib/x86_64-linux-gnu/libc.so: invalid ELF header', /another C library/],
    ['libc.musl-x86_64.so.1: cannot open shared object file', /another C library/],
    ['Error relocating x.node: fcntl64: symbol not found', /another C library/],
    [
      'Error loading shared library libgcc_s.so.1: No such file or directory (needed by x.node)',
      /another C library/,
    ],
    ['Error relocating x.node: unsupported relocation type 1026', /another platform/],
    ['x.node: cannot open shared object file: No such file or directory', /another platform/],
    ['invalid ELF header', /another platform/],
    [
      "mach-o file, but is an incompatible architecture (have 'arm64', need 'x86_64')",
      /another platform/,
    ],
    ['something that nobody has heard of', /Remove node_modules/],
  ]
  for (const [message, reason] of said) assert.match(reasonOf(new Error(message)), reason, message)
})

test('every target of the releases has its literal requires', async () => {
  const source = await readFile(join(root, 'lib', 'native', 'platforms.cjs'), 'utf8')
  for (const name of Object.keys(PLATFORMS)) {
    assert.ok(source.includes(`require('../../mongodb-session-store.${name}.node')`), name)
    assert.ok(source.includes(`require('mongodb-session-store-${name}')`), name)
  }
  assert.equal(
    Object.keys(PLATFORMS).length,
    require(join(root, 'package.json')).napi.targets.length,
  )
  assert.ok(Object.hasOwn(PLATFORMS, PLATFORM))
})

// `npm test` has the addon itself compiled by this command, in a fresh clone; to compile it once more from what is
// installed takes minutes, in the long form.
test(`npx mongodb-session-store build ${isLong ? 'compiles the addon that is missing' : 'has all that it compiles'}`, async (t) => {
  // The profile and the dependencies of the tests, which are compiled already; and the same place each time, so that
  // what depends on sources of the package itself is compiled once, too.
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
  const env = { ...process.env, CARGO_TARGET_DIR: target }
  const { folder, place, addon } = await projectWithoutAddon(t, join(target, 'tmp', 'project'))
  const cli = join(place, 'cli', 'main.mjs')
  if (isLong) {
    const args = [cli, 'build', '--profile', 'development']
    const options = { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 }
    const { stdout } = await execute(process.execPath, args, options)
    assert.ok(stdout.includes(addon), stdout)
    for (const [, load] of BOTH) await execute(process.execPath, load, { cwd: folder })
    await rename(addon, join(folder, 'moved.node'))
  } else {
    // cargo reads every manifest, the lock file and where the library begins, and finds what is patched.
    const args = ['metadata', '--locked', '--format-version=1']
    const { stdout } = await execute('cargo', args, { cwd: place, maxBuffer: 64 * 1024 * 1024 })
    const { packages, workspace_members: members } = JSON.parse(stdout)
    const own = packages.filter(({ id }) => members.includes(id))
    assert.deepEqual(own.map(({ name }) => name).sort(), [
      'aws-smithy-http-client',
      'mongodb-session-store',
    ])
    for (const { targets } of own) {
      const libraries = targets.filter(({ kind }) => kind.some((each) => /lib$/.test(each)))
      assert.equal(libraries.length, 1)
      for (const { src_path: path } of libraries) {
        assert.ok(path.startsWith(place) && existsSync(path), path)
      }
    }
  }

  const bare = { ...env, PATH: '' }
  const { stderr } = await execute(process.execPath, [cli, 'build'], {
    cwd: folder,
    env: bare,
  }).then(assert.fail, (error) => error)
  assert.match(stderr, /cargo is not installed: get Rust/)
})
