// The programs of the README and docs/, which are the code blocks that begin with the name of a file, as they
// stand there: compiled under --strict if they are TypeScript, run, visited, and ended, with a request in flight
// as well. One that is a test is run as a test.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { basename, dirname, join } from 'node:path'
import test, { after, before } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { root } from '../scripts/step.mjs'
import { GUIDE, blocksOf, programName, readPages } from './docs/pages.mjs'
import { startProgram } from './program-support.mjs'
import { database, until } from './support.mjs'

const execute = promisify(execFile)
const require = createRequire(import.meta.url)

const pages = await readPages()

/** The programs, with the pages that they are on. */
const programs = Object.entries(pages)
  .filter(([path]) => !GUIDE.test(basename(path)))
  .flatMap(([path, page]) =>
    blocksOf(page)
      .map((block) => ({ path, name: programName(block), code: block.code }))
      .filter(({ name }) => name !== undefined),
  )

/** Those that serve; the others are modules of a test beside them. */
const servers = programs.filter(
  ({ code }) => code.includes('listen(3000)') || code.includes('port: 3000'),
)
const tests = programs.filter(({ name }) => name.includes('.test.'))

/** Below the package, so that the programs find it by its name. */
let folder

before(async () => {
  await mkdir(join(root, 'target'), { recursive: true })
  folder = await mkdtemp(join(root, 'target', 'programs-'))
  for (const { path, name, code } of programs) {
    const file = fileOf(path, name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, prepared(code))
  }
  await compile()
})

after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

/** A module that is loaded before a program, and holds back the save of a third view until it gets a signal. */
const HOLDING = `
import { MongoSessionStore } from 'mongodb-session-store'
const { set } = MongoSessionStore.prototype
MongoSessionStore.prototype.set = function (...args) {
  if (args[1].views < 3) return set.apply(this, args)
  console.log('a save is held back')
  process.once('SIGUSR2', () => set.apply(this, args))
}`

test('there are programs that serve and one that tests, and each module belongs to a test', () => {
  assert.ok(servers.length >= 4)
  assert.ok(tests.length >= 1)
  for (const program of programs) {
    if (servers.includes(program) || tests.includes(program)) continue
    // The command line reads it; its tests have such modules.
    if (program.name.endsWith('.config.mjs')) continue
    const isImported = ({ path, code }) =>
      path === program.path && code.includes(`'./${program.name}'`)
    assert.ok(tests.some(isImported), program.name)
  }
})

for (const { path, name, code } of servers) {
  const cookie = code.includes('@fastify/session') ? 'sessionId' : 'connect.sid'

  test(`${name} of ${path} counts views, and saves a session that is in flight when it has to end`, async (t) => {
    const { uri, sessions } = await database(t)
    const holding = join(folder, 'holding.mjs')
    await writeFile(holding, HOLDING)
    const env = { DOCS_URI: uri, NODE_OPTIONS: `--import=${pathToFileURL(holding)}` }
    const program = await startProgram(t, built(path, name), env)
    assert.ok(await program.served(), program.output())
    const { browser } = program
    // A connection that stays open would have to time out.
    const view = async () => (await browser.get('/', { connection: 'close' })).text
    assert.equal(await view(), '1 views')
    assert.equal(await view(), '2 views')
    const stored = async () => {
      const [{ _id, session }, ...others] = await sessions.find().toArray()
      return { isIts: _id === browser.sid(cookie), views: session.views, others: others.length }
    }
    assert.deepEqual(await stored(), { isIts: true, views: 2, others: 0 })

    let text
    const keep = (settled) => (text = settled)
    view().then(keep, keep)
    await until(() => program.output().includes('a save is held back'), 'the save')
    const exit = program.stop()
    await until(() => isRefused(browser.origin), 'the server to take no more connections')
    program.signal('SIGUSR2')
    assert.equal(await until(() => text, 'the response'), '3 views')
    hasEnded(name, await exit, program)
    assert.deepEqual(await stored(), { isIts: true, views: 3, others: 0 })
  })
}

/** Checks how a program has ended. */
function hasEnded(name, [code, signal], program) {
  // Nest sends itself the signal again when all is closed.
  assert.ok(code === 0 || (name === 'main.ts' && signal === 'SIGTERM'), program.output())
}

/** Whether a server is not there any more. A request would keep its connection alive, and the server with it. */
async function isRefused(origin) {
  const { hostname, port } = new URL(origin)
  const socket = connect(port, hostname)
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return error.code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

for (const { path, name } of tests) {
  test(`${name} of ${path} succeeds`, async () => {
    const { NODE_TEST_CONTEXT: _ours, ...env } = process.env
    const run = execute(process.execPath, ['--test', fileOf(path, name)], { env })
    const { stdout } = await run.catch(({ stdout }) => assert.fail(stdout))
    assert.match(stdout, /pass [1-9]/)
  })
}

function fileOf(path, name) {
  return join(folder, path.replaceAll(/\W/g, '-'), name)
}

/** What Node runs of a program. */
function built(path, name) {
  const file = fileOf(path, name)
  if (!/\.m?ts$/.test(name)) return file
  const compiled = file.replace(folder, join(folder, 'dist'))
  return compiled.replace(/\.(m?)ts$/, '.$1js')
}

/** A program for a server and a port that are only known later. */
function prepared(code) {
  return code
    .replace("'mongodb://localhost/express_sessions'", 'String(process.env.DOCS_URI)')
    .replace('3000', 'Number(process.env.PORT)')
}

async function compile() {
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
  const files = programs
    .filter(({ name }) => /\.m?ts$/.test(name))
    .map(({ path, name }) => fileOf(path, name))
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  await execute(process.execPath, [tsc], { cwd: folder }).catch(({ stdout }) => assert.fail(stdout))
}
