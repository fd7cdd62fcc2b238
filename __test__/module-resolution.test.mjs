// The types of every entry point, found by each way in which TypeScript looks for modules: what compiles
// is run, so that the types are those of what is there.
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

/** The version from before 6, which still has `node10`, otherwise called `node`. */
const typescript5 = dirname(require.resolve('typescript5/package.json'))

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

export const isStore = stores.map((store) => store instanceof MongoSessionStore)
Promise.all(stores.map((store) => store.close())).then(() => console.log(JSON.stringify(isStore)))
`

for (const [moduleResolution, module, extension] of [
  ['node10', 'commonjs', 'ts'],
  ['nodenext', 'nodenext', 'cts'],
  ['nodenext', 'nodenext', 'mts'],
  ['bundler', 'esnext', 'mts'],
]) {
  const title = `every entry point has its types with moduleResolution ${moduleResolution}`
  test(`${title} (.${extension})`, async () => {
    const name = `${moduleResolution}-${extension}`
    const folder = join(project, name)
    await mkdir(folder)
    await writeFile(join(folder, `program.${extension}`), PROGRAM)
    // What a file without m or c in its extension is, as Node has it.
    await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }')
    const compilerOptions = {
      strict: true,
      target: 'es2022',
      module,
      moduleResolution,
      esModuleInterop: true,
      types: ['node'],
      // How the packages fit together; `npm run lint` checks each declaration by itself.
      skipLibCheck: true,
    }
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: [`program.${extension}`] }),
    )
    const tsc = join(typescript5, 'bin', 'tsc')
    await execute(process.execPath, [tsc, '-p', folder]).catch(({ stdout }) => assert.fail(stdout))

    const program = join(folder, `program.${extension.replace('ts', 'js')}`)
    const { stdout } = await execute(process.execPath, [program])
    assert.deepEqual(JSON.parse(stdout), [true, true, true, true])
  })
}

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
