// The types of every entry point, found by each way in which TypeScript looks for modules: what compiles
// is run, so that the types are those of what is there.
import './neutral-environment.mjs'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import test, { after, before } from 'node:test'
import { promisify } from 'node:util'
import { root } from '../scripts/step.mjs'

const execute = promisify(execFile)
const require = createRequire(import.meta.url)

/** A project that has the package installed. */
let project

before(async () => {
  await mkdir(join(root, 'target'), { recursive: true })
  project = await mkdtemp(join(root, 'target', 'resolution-'))
  await mkdir(join(project, 'node_modules'))
  // `node10` does not know that a package can import itself.
  await symlink(root, join(project, 'node_modules', 'mongodb-session-store'), 'junction')
})

after(() => rm(project, { recursive: true, force: true, maxRetries: 5 }))

const PROGRAM = `
import session from 'express-session'
import type { MongoClientOptions } from 'mongodb'
import Default, { MongoSessionStore, type MongoSessionStoreOptions } from 'mongodb-session-store'
import MongoStore, { type ConnectMongoOptions } from 'mongodb-session-store/connect-mongo'
import connectMongoDBSession from 'mongodb-session-store/connect-mongodb-session'
import Store from 'mongodb-session-store/express-session-mongodb'
import { secondaryStorage } from 'mongodb-session-store/better-auth'
import { openidStore } from 'mongodb-session-store/express-openid-connect'
import { koaSessionStore } from 'mongodb-session-store/koa-session'
import { fastifySessionStore } from 'mongodb-session-store/mgcrea-fastify-session'
import { mongoSessionStorage } from 'mongodb-session-store/react-router'
import { MongoSessionStoreInstrumentation } from 'mongodb-session-store/otel'
import { render } from 'mongodb-session-store/prometheus'

interface MySession extends session.SessionData {
  user: string
}
const driverOptions: MongoClientOptions = { appName: 'app', writeConcern: { wtimeoutMS: 500 } }
const options: MongoSessionStoreOptions = { uri: 'memory:' }
const theirs: ConnectMongoOptions<MySession> = { mongoUrl: 'memory:' }
export const withDriver: MongoSessionStoreOptions = { driverOptions }
export const theirsWithDriver: ConnectMongoOptions = { mongoOptions: driverOptions }

const MongoDBStore = connectMongoDBSession(session)
const generic: MongoStore<MySession> = MongoStore.create<MySession>(theirs)
const stores: MongoSessionStore[] = [
  new Default(options),
  new MongoSessionStore(options),
  generic,
  new MongoDBStore({ uri: 'memory:' }),
]
export const store = (db: object): Store => new Store(db)

// What is not typed would be accepted.
// @ts-expect-error an option that does not exist
export const wrong: MongoSessionStoreOptions = { url: 'memory:' }
// @ts-expect-error there may be no such session
export const missing = async () => (await stores[0]!.get('sid')).cookie
// @ts-expect-error an option that does not exist
export const wrongTheirs: ConnectMongoOptions = { mongoURL: 'memory:' }
// @ts-expect-error a lifetime in words
export const wrongLifetime = () => new MongoDBStore({ expires: '1 day' })
// @ts-expect-error a handle is needed
export const wrongStore = () => new Store()

for (const adapt of [secondaryStorage, openidStore, koaSessionStore, fastifySessionStore]) {
  adapt(stores[0]!)
  // @ts-expect-error no store
  void (() => adapt({}))
}
const noStorage = (strategy: { cookie?: object }) => ({ strategy })
void (() => mongoSessionStorage(noStorage, { store: stores[0]!, cookie: {} }).strategy.cookie)
// @ts-expect-error a cookie of another kind
void (() => mongoSessionStorage(noStorage, { store: stores[0]!, cookie: 1 }))
export const instrumentation = new MongoSessionStoreInstrumentation({ requireParentSpan: false })
export const text: string = render(stores[0]!)

export const isStore = stores.map((store) => store instanceof MongoSessionStore)
Promise.all(stores.map((store) => store.close())).then(() => console.log(JSON.stringify(isStore)))
`

/** The same as TypeScript has it for CommonJS. */
const REQUIRED = `
import session = require('express-session')
import Store = require('mongodb-session-store')
import MongoStore = require('mongodb-session-store/connect-mongo')
import connectMongoDBSession = require('mongodb-session-store/connect-mongodb-session')
import FormerStore = require('mongodb-session-store/express-session-mongodb')

const options: Store.MongoSessionStoreOptions = { uri: 'memory:' }
const theirs: MongoStore.ConnectMongoOptions = { mongoUrl: 'memory:' }
class OwnStore extends Store {}
const MongoDBStore = connectMongoDBSession(session)
const stores: Store[] = [
  new Store(options),
  new Store.MongoSessionStore(options),
  new Store.default(options),
  new OwnStore(options),
  new MongoStore(theirs),
  MongoStore.create(theirs),
  new MongoDBStore({ uri: 'memory:' }),
]
const former = (db: object): FormerStore => new FormerStore(db)
// @ts-expect-error an option that does not exist
const wrong = () => new Store({ url: 'memory:' })
void [former, wrong]

const isStore = stores.map((store) => store instanceof Store)
Promise.all(stores.map((store) => store.close())).then(() => console.log(JSON.stringify(isStore)))
`

/** A default import where CommonJS is not made to look like ES modules. */
const WITHOUT_INTEROP = `
import Store, { MongoSessionStore, type MongoSessionStoreOptions } from 'mongodb-session-store'
const options: MongoSessionStoreOptions = { uri: 'memory:' }
const stores: MongoSessionStore[] = [new Store(options), new MongoSessionStore(options)]
Promise.all(stores.map((store) => store.close())).then(() => console.log(stores.length))
`

/**
 * Each is compiled by itself, in a folder of its name: with which compiler and options, which programs there are, what
 * that shows and what each has to print. Version 5 is the last one that has `node10`, otherwise called `node`.
 */
const COMPILATIONS = {
  node10: {
    compiler: 'typescript5',
    options: { module: 'commonjs', moduleResolution: 'node10', esModuleInterop: true },
    programs: { 'program.ts': [PROGRAM, 'every entry point has its types', Array(4).fill(true)] },
  },
  'node10 without esModuleInterop': {
    compiler: 'typescript5',
    options: { module: 'commonjs', moduleResolution: 'node10', esModuleInterop: false },
    programs: {
      'required.ts': [REQUIRED, 'what import = require answers is a class', Array(7).fill(true)],
      'default.ts': [WITHOUT_INTEROP, 'a default import needs no more', 2],
    },
  },
  nodenext: {
    compiler: 'typescript',
    options: { module: 'nodenext', moduleResolution: 'nodenext' },
    programs: {
      'program.cts': [PROGRAM, 'every entry point has its types', Array(4).fill(true)],
      'program.mts': [PROGRAM, 'every entry point has its types', Array(4).fill(true)],
      'required.mts': [REQUIRED, 'what import = require answers is a class', Array(7).fill(true)],
    },
  },
  bundler: {
    compiler: 'typescript',
    options: { module: 'esnext', moduleResolution: 'bundler' },
    programs: { 'program.mts': [PROGRAM, 'every entry point has its types', Array(4).fill(true)] },
  },
  'bundler that preserves': {
    compiler: 'typescript',
    options: { module: 'preserve', moduleResolution: 'bundler' },
    programs: {
      'required.cts': [REQUIRED, 'what import = require answers is a class', Array(7).fill(true)],
    },
  },
}

for (const [name, { compiler, options, programs }] of Object.entries(COMPILATIONS)) {
  const compiling = once(() => compile(name, compiler, options, programs))
  for (const [file, [, promise, printed]] of Object.entries(programs)) {
    test(`${promise}, with ${name} (${file})`, async () => {
      const folder = await compiling()
      const { stdout } = await execute(process.execPath, [join(folder, file.replace('ts', 'js'))])
      assert.deepEqual(JSON.parse(stdout), printed)
    })
  }
}

/** A function that does its work when it is called for the first time, and answers that to all. */
function once(work) {
  let done
  return () => (done ??= work())
}

/** Compiles programs in a folder of their own, and answers its path. */
async function compile(name, compiler, options, programs) {
  const folder = join(project, name.replaceAll(' ', '-'))
  await mkdir(folder)
  for (const [file, [source]] of Object.entries(programs)) {
    await writeFile(join(folder, file), source)
  }
  // What a file without m or c in its extension is, as Node has it.
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }')
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    types: ['node'],
    // How the packages fit together; `npm run lint` checks each declaration by itself.
    skipLibCheck: true,
    ...options,
  }
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: Object.keys(programs) }),
  )
  const tsc = join(dirname(require.resolve(`${compiler}/package.json`)), 'bin', 'tsc')
  await execute(process.execPath, [tsc, '-p', folder]).catch(({ stdout }) => assert.fail(stdout))
  return folder
}

test('hovering over the class, an option and the methods of events shows what they are for', async () => {
  const ts = require('typescript5')
  const file = join(project, 'hover.cts')
  const source = `
import Store = require('mongodb-session-store')
const store = new Store({ touchAfter: 1 })
store.on('discard', (sid) => sid)
store.once('connect', () => {})
store.off('discard', console.log)
store.emit('info', 'text')
store.get('sid').catch((error: Store.MongoSessionStoreError) => error.code)
`
  const host = {
    getScriptFileNames: () => [file],
    getScriptVersion: () => '1',
    getScriptSnapshot(name) {
      const text = name === file ? source : ts.sys.readFile(name)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => project,
    getCompilationSettings: () => ({
      strict: true,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    }),
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    realpath: ts.sys.realpath,
  }
  const service = ts.createLanguageService(host)
  const hover = (what) => {
    const at = source.indexOf(what) + what.length - 1
    const { documentation, displayParts } = service.getQuickInfoAtPosition(file, at)
    return ts.displayPartsToString(documentation) + ts.displayPartsToString(displayParts)
  }
  for (const [what, words] of [
    ['touchAfter', /Time in milliseconds by which a touch has to move the expiry/],
    ['store.on', /Listens to an event of .*MongoSessionStoreEvents/],
    ['store.once', /until it comes for the first time/],
    ['store.off', /Stops listening/],
    ['store.emit', /returns whether anybody listens/],
    ['store.get', /Reads a session/],
    ['error.code', /MongoSessionStoreErrorCode/],
    ['(sid', /sid: string/],
  ]) {
    assert.match(hover(what), words, what)
  }
  const names = (before) => {
    const at = source.indexOf(before) + before.length
    return service.getCompletionsAtPosition(file, at, {}).entries.map(({ name }) => name)
  }
  for (const before of ["store.off('", "store.emit('", "store.on('"]) {
    for (const event of ['discard', 'connect', 'warning']) {
      assert.ok(names(before).includes(event), `${before} completes ${event}`)
    }
  }
})

test('there is no entry point besides', async () => {
  const { exports, typesVersions } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const paths = Object.keys(exports).filter((path) => path !== './package.json')
  for (const path of paths) {
    const name = path.replace('.', 'mongodb-session-store')
    assert.ok(PROGRAM.includes(` from '${name}'`), name)
  }
  assert.deepEqual(
    Object.keys(typesVersions['*']).map((name) => `./${name}`),
    paths.filter((path) => path !== '.'),
  )
})
