// The programs of the README, as they stand there: compiled if they are TypeScript, run, visited,
// and ended, with a request in flight as well.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import test, { after, before } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { root } from '../scripts/step.mjs'
import { startProgram } from './program-support.mjs'
import { database, until } from './support.mjs'

const execute = promisify(execFile)
const require = createRequire(import.meta.url)

/** Below the package, so that the programs find it by its name. */
let folder

before(async () => {
  await mkdir(join(root, 'target'), { recursive: true })
  folder = await mkdtemp(join(root, 'target', 'readme-'))
})

after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

/** A module that is loaded before a program, and holds back each save until it gets a signal. */
const HOLDING = `
import { MongoSessionStore } from 'mongodb-session-store'
const { set } = MongoSessionStore.prototype
MongoSessionStore.prototype.set = function (...args) {
  console.log('a save is held back')
  process.once('SIGUSR2', () => set.apply(this, args))
}`

for (const [name, cookie] of [
  ['app.mjs', 'connect.sid'],
  ['main.ts', 'connect.sid'],
  ['fastify.ts', 'sessionId'],
]) {
  test(`${name} of the README counts views, and ends when it is told to`, async (t) => {
    const { uri, sessions } = await database(t)
    const program = await startProgram(t, await prepare(name, uri))
    assert.ok(await program.served(), program.output())
    const { browser } = program
    assert.equal((await browser.get('/')).text, '1 views')
    assert.equal((await browser.get('/')).text, '2 views')
    const [document, ...others] = await sessions.find().toArray()
    assert.equal(document._id, browser.sid(cookie))
    assert.equal(document.session.views, 2)
    assert.deepEqual(others, [])
    hasEnded(name, await program.stop(), program)
  })

  test(`${name} of the README saves the session of a request that is in flight`, async (t) => {
    const { uri, sessions } = await database(t)
    const holding = join(folder, 'holding.mjs')
    await writeFile(holding, HOLDING)
    const env = { NODE_OPTIONS: `--import=${pathToFileURL(holding)}` }
    const program = await startProgram(t, await prepare(name, uri), env)
    assert.ok(await program.served(), program.output())
    const { browser } = program
    // A connection that stays open would have to time out.
    let response
    const keep = (settled) => (response = settled)
    browser.get('/', { connection: 'close' }).then(keep, keep)
    await until(() => program.output().includes('a save is held back'), 'the save')

    const exit = program.stop()
    await until(() => isRefused(browser.origin), 'the server to take no more connections')
    program.signal('SIGUSR2')
    assert.equal((await until(() => response, 'the response')).text, '1 views')
    hasEnded(name, await exit, program)
    const { _id, session } = await sessions.findOne()
    assert.equal(_id, browser.sid(cookie))
    assert.equal(session.views, 1)
  })
}

/** Checks how a program has ended. */
function hasEnded(name, [code, signal], program) {
  // Nest sends itself the signal again when all is closed.
  assert.ok(code === 0 || (name === 'main.ts' && signal === 'SIGTERM'), program.output())
}

/** Whether a server is not there any more. The page makes no session, whose save would be held back. */
async function isRefused(origin) {
  const failed = await fetch(`${origin}/a-page-that-is-not-there`).catch((error) => error)
  return failed.cause?.code === 'ECONNREFUSED'
}

/** Writes a program of the README into a file of its own, for a server. */
async function prepare(name, uri) {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const [, code] = readme.split(`\n// ${name}\n`)
  assert.ok(code, `the README has a program ${name}`)
  const source = code
    .slice(0, code.indexOf('\n```'))
    .replace("'mongodb://localhost/express_sessions'", JSON.stringify(uri))
    .replace('3000', 'Number(process.env.PORT)')
  assert.ok(source.includes(uri) && source.includes('process.env.PORT'), source)
  await writeFile(join(folder, name), source)
  return name.endsWith('.ts') ? compile(name) : join(folder, name)
}

async function compile(name) {
  const compilerOptions = {
    strict: true,
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    experimentalDecorators: true,
    // What is checked is how the packages fit together, not each by itself.
    skipLibCheck: true,
    rootDir: '.',
    outDir: 'dist',
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [name] }))
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  await execute(process.execPath, [tsc], { cwd: folder }).catch(({ stdout }) => assert.fail(stdout))
  return join(folder, 'dist', name.replace(/\.ts$/, '.js'))
}
