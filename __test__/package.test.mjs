// The package as its users get it: packed, and installed into a project of its own.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFile,
  cp,
  link,
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import test, { after, before } from 'node:test'
import { promisify } from 'node:util'
import { addonName } from '../scripts/build.mjs'
import { root } from '../scripts/step.mjs'
import { Browser } from './express-support.mjs'
import { database, until } from './support.mjs'

const execute = promisify(execFile)
const isWindows = process.platform === 'win32'
const require = createRequire(import.meta.url)

/** The platform as the addon's file name has it, such as linux-x64-gnu. */
const PLATFORM = addonName().split('.')[1]

/** The Express project, and the paths of the files in the tarball. */
let project, packed

before(async () => {
  project = await mkdtemp(join(tmpdir(), 'mongodb-session-store-project-'))
  const stage = await staged(join(project, 'stage'))
  const { stdout } = await npm(stage, 'pack', '--json', '--pack-destination', project)
  const [{ filename, files }] = JSON.parse(stdout)
  packed = files.map(({ path }) => path)

  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  const express = ['express', 'express-session'].map(installedHere)
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=5']
  await npm(project, 'install', ...options, `./${filename}`, ...express)
  const addon = join(project, 'node_modules', 'mongodb-session-store', addonName())
  await rm(addon)
  await link(join(root, addonName()), addon).catch(() => copyFile(join(root, addonName()), addon))
  // The types are those of this repository, as is the compiler; both are too large to fetch again.
  const types = join('node_modules', '@types')
  await symlink(join(root, types), join(project, types), 'junction')
})

after(() => rm(project, { recursive: true, force: true, maxRetries: 5 }))

/**
 * The repository in another folder, but for what npm does not look at, and with an empty addon: as it is
 * developed it has so many megabytes that npm takes half a minute to pack and unpack them.
 */
async function staged(folder) {
  const { files } = require(join(root, 'package.json'))
  const published = files
    .map((name) => name.replace(/\/$/, ''))
    .filter((name) => !name.includes('*'))
  const others = ['package.json', 'README.md', 'LICENSE', '__test__/support.mjs', 'scripts', '.ci']
  for (const name of [...published, ...others]) {
    await cp(join(root, name), join(folder, name), { recursive: true })
  }
  for (const name of [addonName(), '.env', 'key.pem']) await writeFile(join(folder, name), '')
  return folder
}

/** A package in the version that this repository is tested with. */
function installedHere(name) {
  return `${name}@${require(`${name}/package.json`).version}`
}

function npm(cwd, ...args) {
  return execute('npm', args, { cwd, shell: isWindows })
}

/** Runs JavaScript as a file of a project, and answers what it printed as JSON. */
async function run(file, code, folder = project) {
  await writeFile(join(folder, file), code)
  const { stdout } = await execute(process.execPath, [file], { cwd: folder })
  return JSON.parse(stdout)
}

/** The paths of the files below a folder of the repository. */
async function filesIn(folder) {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(root, join(parentPath, name)).replaceAll('\\', '/'))
}

test('the tarball has what users need and nothing else', async () => {
  const inLib = await filesIn('lib')
  const inDocs = await filesIn('docs')
  // For `npx mongodb-session-store build`.
  const code = [...(await filesIn('src')), ...(await filesIn('crates'))]
  const sources = ['Cargo.toml', 'Cargo.lock', 'build.rs', ...code]
  assert.ok(
    inDocs.every((path) => /^docs\/(?:[\w-]+\.md|pictures\/[\w-]+\.(?:svg|png))$/.test(path)),
  )
  const isModule =
    /^lib\/(?:(?:[\w-]+\/){0,2}[\w-]+\.cjs|(?:adapters|observability)\/[\w-]+\.(?:mjs|d\.ts|d\.cts))$/
  assert.ok(inLib.every((path) => isModule.test(path)))
  assert.deepEqual(
    new Set(packed),
    new Set([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'index.cjs',
      'index.d.cts',
      'index.d.ts',
      'index.mjs',
      ...inLib,
      ...inDocs,
      ...(await filesIn('cli')),
      ...sources,
      addonName(),
      'package.json',
    ]),
  )
})

test('no file of the tarball refers to a source map or holds a secret', async () => {
  const folder = join(project, 'node_modules', 'mongodb-session-store')
  for (const path of packed.filter((path) => !path.endsWith('.node'))) {
    const text = await readFile(join(folder, path), 'utf8')
    assert.doesNotMatch(text, /sourceMappingURL|PRIVATE KEY-----\n\w|_authToken/, path)
  }
})

test('nothing runs on the machine of whoever installs the package', async () => {
  const { scripts } = require(join(root, 'package.json'))
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']) {
    assert.ok(!(name in scripts), name)
  }
})

test('the licence is the one that package.json names, and security reports have an address', async () => {
  const { license } = require(join(root, 'package.json'))
  assert.equal(license, 'MIT')
  assert.match(await readFile(join(root, 'LICENSE'), 'utf8'), /^MIT License\n/)
  assert.match(await readFile(join(root, 'SECURITY.md'), 'utf8'), /private vulnerability report/i)
})

test('the package of a platform has its addon and nothing else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-platforms-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await cp(join(root, 'package.json'), join(folder, 'package.json'))
  const napi = join(dirname(require.resolve('@napi-rs/cli/package.json')), 'dist', 'cli.js')
  await execute(process.execPath, [napi, 'create-npm-dirs'], { cwd: folder })

  const platforms = await readdir(join(folder, 'npm'))
  assert.ok(platforms.includes(PLATFORM))
  for (const platform of platforms) {
    for (const file of [addonName(platform), 'LICENSE', 'index.map', 'source.rs', '.env']) {
      await writeFile(join(folder, 'npm', platform, file), '')
    }
  }
  const folders = platforms.map((platform) => `./npm/${platform}`)
  const { stdout } = await npm(folder, 'pack', ...folders, '--dry-run', '--json')
  const packages = JSON.parse(stdout)
  assert.equal(packages.length, platforms.length)
  for (const [at, platform] of platforms.entries()) {
    const { name, files } = packages[at]
    // By these npm installs it where it fits, and nowhere else.
    const manifest = JSON.parse(
      await readFile(join(folder, 'npm', platform, 'package.json'), 'utf8'),
    )
    const [os, cpu, abi] = platform.split('-')
    const libc = { gnu: ['glibc'], musl: ['musl'] }[abi]
    assert.deepEqual([manifest.os, manifest.cpu, manifest.libc], [[os], [cpu], libc], platform)
    assert.ok(!('scripts' in manifest), platform)
    // The name and the file that lib/native/addon.cjs looks for.
    assert.equal(name, `mongodb-session-store-${platform}`)
    assert.deepEqual(
      files.map(({ path }) => path).sort(),
      ['LICENSE', 'README.md', addonName(platform), 'package.json'].sort(),
    )
  }
})

test('import gives the class by its name and as the default', async () => {
  const printed = await run(
    'import.mjs',
    `import Default, { MongoSessionStore, MongoSessionStoreError } from 'mongodb-session-store'
    import session from 'express-session'
    const store = new MongoSessionStore({ uri: 'memory:' })
    await store.set('sid', { cookie: { path: '/' }, user: 'ada' })
    const { user } = await store.get('sid')
    await store.close()
    const error = await store.get('sid').catch((error) => error)
    const isError = error instanceof MongoSessionStoreError
    const isStore = store instanceof session.Store
    const { name } = MongoSessionStore
    const same = Default === MongoSessionStore
    console.log(JSON.stringify({ name, same, isStore, user, isError }))`,
  )
  assert.deepEqual(printed, {
    name: 'MongoSessionStore',
    same: true,
    isStore: true,
    user: 'ada',
    isError: true,
  })
})

test('require gives the class itself, by its name and as the default', async () => {
  const printed = await run(
    'require.cjs',
    `const { MongoSessionStore, default: Default } = require('mongodb-session-store')
    const store = new (require('mongodb-session-store'))({ uri: 'memory:' })
    const session = require('express-session')
    const isStore = store instanceof session.Store && store instanceof MongoSessionStore
    const same = Default === MongoSessionStore && require('mongodb-session-store') === Default
    store.set('sid', { cookie: { path: '/' }, user: 'ada' }, () => {
      store.get('sid', (error, { user }) => {
        store.close(() => console.log(JSON.stringify({ same, isStore, user })))
      })
    })`,
  )
  assert.deepEqual(printed, { same: true, isStore: true, user: 'ada' })
})

test('connect-mongo is taken from the adapter by import and by require alike', async () => {
  const printed = await run(
    'connect-mongo.mjs',
    `import { createRequire } from 'node:module'
    import session from 'express-session'
    import { MongoSessionStore } from 'mongodb-session-store'
    import * as imported from 'mongodb-session-store/connect-mongo'
    const required = createRequire(import.meta.url)('mongodb-session-store/connect-mongo')
    const names = Object.keys(imported).sort()
    const same = names.map((name) => imported[name] === required[name])
    const isClass = required === imported.default && required(session) === imported.MongoStore
    const store = imported.MongoStore.create({ mongoUrl: 'memory:' })
    const isStore = store instanceof MongoSessionStore && store instanceof required
    await store.set('sid', { cookie: { path: '/' }, user: 'ada' })
    const { user } = await store.get('sid')
    await store.close()
    console.log(JSON.stringify({ names, same, isClass, isStore, user }))`,
  )
  assert.deepEqual(printed, {
    names: [
      'MongoStore',
      'createKrupteinAdapter',
      'createSecretAdapter',
      'createWebCryptoAdapter',
      'default',
    ],
    same: [true, true, true, true, true],
    isClass: true,
    isStore: true,
    user: 'ada',
  })
})

test('the option crypto says what to install when kruptein is not there', async () => {
  const printed = await run(
    'kruptein.cjs',
    `const { MongoStore } = require('mongodb-session-store/connect-mongo')
    try {
      MongoStore.create({ mongoUrl: 'memory:', crypto: { secret: 'a secret' } })
    } catch (error) {
      console.log(JSON.stringify({ message: error.message, isTypeError: error instanceof TypeError }))
    }`,
  )
  assert.equal(printed.isTypeError, true)
  assert.match(printed.message, /'crypto'.*npm install kruptein@~3\.0\.8/)
})

test('both module systems have the same class', async () => {
  const printed = await run(
    'both.mjs',
    `import { createRequire } from 'node:module'
    import * as imported from 'mongodb-session-store'
    const required = createRequire(import.meta.url)('mongodb-session-store')
    const names = Object.keys(imported).sort()
    console.log(JSON.stringify({ names, same: names.map((name) => imported[name] === required[name]) }))`,
  )
  assert.deepEqual(printed, {
    names: ['MongoSessionStore', 'MongoSessionStoreError', 'default'],
    same: [true, true, true],
  })
})

test('both module systems take the same adapters for older packages', async () => {
  const printed = await run(
    'adapters.mjs',
    `import { createRequire } from 'node:module'
    import session from 'express-session'
    import { MongoSessionStore } from 'mongodb-session-store'
    import connectMongoDBSession from 'mongodb-session-store/connect-mongodb-session'
    import Store from 'mongodb-session-store/express-session-mongodb'
    const require = createRequire(import.meta.url)
    const same = [
      require('mongodb-session-store/connect-mongodb-session') === connectMongoDBSession,
      require('mongodb-session-store/express-session-mongodb') === Store,
    ]
    const MongoDBStore = connectMongoDBSession(session)
    const store = new MongoDBStore({ uri: 'memory:' })
    await store.set('sid', { cookie: { path: '/' }, user: 'ada' })
    const { user } = await store.get('sid')
    await store.close()
    const isStore = [MongoDBStore, Store].map(({ prototype }) => prototype instanceof MongoSessionStore)
    console.log(JSON.stringify({ same, user, isStore }))`,
  )
  assert.deepEqual(printed, { same: [true, true], user: 'ada', isStore: [true, true] })
})

test("the README's TypeScript compiles in strict mode, and the app runs", async (t) => {
  const { uri, sessions } = await database(t)
  // With the seed's files go those that only test the types, now of the installed package.
  await cp(join(root, '__test__', 'types'), join(project, 'types'), { recursive: true })
  const { compilerOptions } = JSON.parse(await withoutComments(join(root, 'tsconfig.json')))
  const emit = { noEmit: false, rootDir: 'types', outDir: 'dist' }
  await writeFile(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compilerOptions, ...emit }, include: ['types'] }),
  )
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  await execute(process.execPath, [tsc], { cwd: project }).catch(({ stdout }) =>
    assert.fail(stdout),
  )

  const app = spawn(process.execPath, [join('dist', 'seed', 'bin', 'web.mjs')], {
    cwd: project,
    env: { ...process.env, MONGODB_URI: uri, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => app.kill('SIGKILL'))
  const exit = once(app, 'close')
  let output = ''
  app.stdout.setEncoding('utf8').on('data', (text) => (output += text))
  const origin = await until(() => /http:\/\/localhost:\d+/.exec(output)?.[0], 'the app to listen')
  const browser = new Browser(origin)
  assert.equal((await browser.get('/')).text, 'OK')
  assert.equal((await browser.get('/')).text, 'OK')
  const [document] = await sessions.find().toArray()
  assert.equal(document._id, browser.sid())
  const existing = `existing something:  ${document.session.something}`
  await until(() => output.includes(existing), 'the app to print what it found')

  app.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
})

/** The text of a tsconfig.json as JSON; its comments have a line of their own. */
async function withoutComments(file) {
  return (await readFile(file, 'utf8')).replace(/^\s*\/\/.*$/gm, '')
}
