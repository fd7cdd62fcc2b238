// What the tests of the command line share: runs of it, in a process as a shell starts it or in a thread.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Worker } from 'node:worker_threads'
import { root } from '../scripts/step.mjs'
import { openProxy } from './outage-support.mjs'
import { database, openStore, until } from './support.mjs'

const MAIN = join(root, 'cli', 'main.mjs')

/** The environment of a run whose sessions are where `uri` says. */
function environment(uri) {
  const { MONGODB_URI: _own, ...env } = process.env
  return uri === undefined ? env : { ...env, MONGODB_URI: uri }
}

/** Starts the command line in a process of its own; the sessions are where `uri` says. */
export function start(uri, args, { execArgv = [] } = {}) {
  const child = spawn(process.execPath, [...execArgv, MAIN, ...args], {
    env: environment(uri),
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
  // Whether there are colours is a matter of the environment (`CI`, `NO_COLOR`, `FORCE_COLOR` and others): the test's
  // own would answer for it.
  const { PATH, HOME, TMPDIR } = process.env
  const command = [process.execPath, MAIN, ...args].map((arg) => `'${arg}'`).join(' ')
  const line = `stty rows 24 cols ${columns} && exec ${command}`
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    env: { PATH, HOME, TMPDIR, ...env, MONGODB_URI: uri },
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

/** Runs the command line to its end: in a thread, which is there in a tenth of the time that a process takes. */
export async function run(uri, ...args) {
  const worker = new Worker(MAIN, {
    ...{ argv: args, env: environment(uri) },
    ...{ stdin: true, stdout: true, stderr: true },
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(worker.stdout),
    text(worker.stderr),
    once(worker, 'exit'),
  ])
  return { stdout, stderr, code }
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

/**
 * Starts the command line, and answers once the server has carried out its first write and nothing has told it
 * so: it stands there in the midst of its work, for as long as its commands have time. `goOn` lets it.
 */
export async function startAndHold(t, uri, args) {
  const { host, port } = new URL(uri)
  const proxy = await openProxy(t, Number(port))
  // Of the commands only those that write say in which order.
  proxy.cutReply('\x08ordered\0', { end: 'stall' })
  const started = start(uri.replace(host, `127.0.0.1:${proxy.port}`), args)
  t.after(() => started.child.kill('SIGKILL'))
  let hasEnded = false
  const end = started.ended.finally(() => (hasEnded = true))
  await until(() => proxy.cuts === 1 || hasEnded, 'its first write')
  if (proxy.cuts === 0) throw new Error(`it has written nothing: ${(await end).stderr}`)
  return { ...started, goOn: () => proxy.resume() }
}

/** A file of a config module with this source, for the time of a test. */
export async function configModule(t, source, name = 'store.config.mjs') {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, name)
  await writeFile(file, source)
  return file
}

/** A session as express-session has it. */
export function sessionOf(data, maxAge = 3_600_000) {
  const expires = new Date(Date.now() + maxAge)
  return { cookie: { path: '/', expires, originalMaxAge: maxAge, httpOnly: true }, ...data }
}

/** Three sessions of alice, one of bob, one of nobody, and one that has expired. */
export async function withSessions(t, options = {}) {
  const place = await database(t)
  const userId = ({ user }) => user?.id
  const store = openStore(t, { uri: place.uri, userId, ...options })
  const people = { a1: 'alice', a2: 'alice', a3: 'alice', b1: 'bob', n1: undefined }
  for (const [name, id] of Object.entries(people)) {
    await store.set(
      `sid-of-${name}-0123456789`,
      sessionOf({ user: id && { id }, basket: 'x'.repeat(500) }),
    )
  }
  await place.sessions.insertOne({
    _id: 'expired-0123456789',
    expires: new Date(Date.now() - 3_600_000),
    session: { cookie: {}, user: { id: 'carol' } },
  })
  return { ...place, store }
}
