// What the tests of the command line share: a process of it, as a shell starts it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { root } from '../scripts/step.mjs'

const MAIN = join(root, 'cli', 'main.mjs')

/** Starts the command line; the sessions are where `uri` says. */
export function start(uri, args, { execArgv = [] } = {}) {
  const { MONGODB_URI: _own, ...env } = process.env
  const child = spawn(process.execPath, [...execArgv, MAIN, ...args], {
    env: uri === undefined ? env : { ...env, MONGODB_URI: uri },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A test may be a reader who has seen enough.
  const stdout = text(child.stdout).catch(() => undefined)
  const ended = Promise.all([stdout, text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr, [code, signal]]) => ({ stdout, stderr, code, signal }),
  )
  return { child, ended }
}

/**
 * Runs the command line on a terminal of so many columns, which script(1) of util-linux makes. `keys` are typed once
 * there is the text `after` which they are to come.
 */
export async function onTerminal(uri, args, { keys = '', after = '', columns = 80, env } = {}) {
  const command = [process.execPath, MAIN, ...args].map((arg) => `'${arg}'`).join(' ')
  const line = `stty rows 24 cols ${columns} && exec ${command}`
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    env: { ...process.env, NO_COLOR: undefined, ...env, MONGODB_URI: uri },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  let isTyped = false
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk
    if (keys === '' || isTyped || !output.includes(after)) return
    isTyped = true
    child.stdin.write(keys)
  })
  const [code] = await once(child, 'close')
  return { output, code }
}

/** Runs the command line to its end. */
export function run(uri, ...args) {
  return start(uri, args).ended
}

/** The same with `--json`: what it has printed, each line parsed. */
export async function runJson(uri, ...args) {
  const { stdout, stderr, code } = await run(uri, ...args, '--json')
  const records = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  return { records, stdout, stderr, code }
}

/** A file of a config module with this source, for the time of a test. */
export async function configModule(t, source) {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'store.config.mjs')
  await writeFile(file, source)
  return file
}

/** A session as express-session has it. */
export function sessionOf(data, maxAge = 3_600_000) {
  const expires = new Date(Date.now() + maxAge)
  return { cookie: { path: '/', expires, originalMaxAge: maxAge, httpOnly: true }, ...data }
}
