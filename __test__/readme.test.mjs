// The programs of the README, as they stand there: compiled if they are TypeScript, run, visited,
// and ended.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import test, { after, before } from 'node:test'
import { promisify } from 'node:util'
import { root } from '../scripts/step.mjs'
import { Browser } from './express-support.mjs'
import { database, freePort, until } from './support.mjs'

const execute = promisify(execFile)
const require = createRequire(import.meta.url)

/** Below the package, so that the programs find it by its name. */
let folder

before(async () => {
  await mkdir(join(root, 'target'), { recursive: true })
  folder = await mkdtemp(join(root, 'target', 'readme-'))
})

after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

for (const [name, cookie] of [
  ['app.mjs', 'connect.sid'],
  ['main.ts', 'connect.sid'],
  ['fastify.ts', 'sessionId'],
]) {
  test(`${name} of the README counts views, and ends when it is told to`, async (t) => {
    const { uri, sessions } = await database(t)
    const port = await freePort()
    const program = await prepare(name, { uri, port })
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] })
    const exit = once(child, 'close')
    t.after(() => child.kill('SIGKILL'))
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (output += text))
    }
    const browser = new Browser(`http://127.0.0.1:${port}`)
    const first = await until(async () => {
      assert.equal(child.exitCode, null, output)
      return browser.get('/').catch(() => undefined)
    }, 'the app to listen')
    assert.equal(first.text, '1 views')
    assert.equal((await browser.get('/')).text, '2 views')
    const [document, ...others] = await sessions.find().toArray()
    assert.equal(document._id, browser.sid(cookie))
    assert.equal(document.session.views, 2)
    assert.deepEqual(others, [])

    child.kill('SIGTERM')
    const [code, signal] = await exit
    // Nest sends itself the signal again when all is closed.
    assert.ok(code === 0 || (name === 'main.ts' && signal === 'SIGTERM'), output)
  })
}

/** Writes a program of the README into a file of its own, for a server and a port. */
async function prepare(name, { uri, port }) {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const [, code] = readme.split(`\n// ${name}\n`)
  assert.ok(code, `the README has a program ${name}`)
  const source = code
    .slice(0, code.indexOf('\n```'))
    .replace("'mongodb://localhost/express_sessions'", JSON.stringify(uri))
    .replace('3000', String(port))
  assert.ok(source.includes(uri) && source.includes(String(port)), source)
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
