// A mongod that is not there yet, is killed, stands still, or may write no more.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import test from 'node:test'
import express from 'express'
import { Browser, cookieOf, serve, sessionOf } from './express-support.mjs'
import {
  Ledger,
  UNREACHABLE,
  assertUnreachable,
  everyMethodFails,
  ownMongod,
  startLoad,
  witness,
  works,
} from './outage-support.mjs'
import { freeze, isLong, openStore, until } from './support.mjs'

/** How often a server is hurt. */
const ROUNDS = isLong ? 6 : 2

async function acknowledged(ledger, count) {
  const goal = ledger.acknowledged + count
  await until(() => ledger.acknowledged >= goal, `${count} acknowledged changes`)
}

function tell(t, ledger) {
  const { acknowledged, failed, longest } = ledger
  t.diagnostic(`${acknowledged} acknowledged, ${failed} failed, the longest took ${longest} ms`)
}

test('an app that starts before its server answers with errors, then works by itself', async (t) => {
  const mongod = await ownMongod(t)
  await mongod.kill()
  const store = openStore(t, { uri: mongod.uri })
  const app = express()
  app.use(sessionOf(store))
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.send(String(req.session.views))
  })
  // Without the stack traces that Express prints of errors which no handler takes.
  app.use((error, req, res, _next) => res.status(503).send(error.code))
  const cookie = cookieOf('an-id-that-the-app-looks-up')
  const browser = new Browser(await serve(t, app), [[cookie.name, cookie]])
  const down = await browser.get('/')
  assert.equal(down.status, 503)
  assert.match(down.text, UNREACHABLE)

  await mongod.start()
  await until(async () => (await browser.get('/')).status === 200, 'the app to work')
  const before = Number((await browser.get('/')).text)
  assert.equal((await browser.get('/')).text, String(before + 1))
  const sessions = await witness(t, mongod.uri)
  assert.equal((await sessions.findOne({ _id: browser.sid() })).session.views, before + 1)
  const hasIndex = ({ name }) => name === 'expires_1'
  await until(async () => (await sessions.indexes()).some(hasIndex), 'the index')
})

test('every acknowledged write is there after a server was killed under load', async (t) => {
  const mongod = await ownMongod(t)
  const uri = `${mongod.uri}?journal=true`
  const store = openStore(t, { uri, operationTimeout: 1000 })
  const ledger = new Ledger()
  const load = startLoad(t, store, ledger)
  for (let round = 0; round < ROUNDS; round++) {
    await acknowledged(ledger, 200)
    await mongod.kill()
    await mongod.start()
  }
  await acknowledged(ledger, 200)
  await load.stop()
  await mongod.kill()
  await mongod.start()
  await ledger.audit(await witness(t, mongod.uri))
  for (const error of load.errors) assertUnreachable(error)
  tell(t, ledger)
})

test('an acknowledged write is there after a server froze under load', async (t) => {
  const mongod = await ownMongod(t)
  const timeout = 700
  const store = openStore(t, { uri: mongod.uri, operationTimeout: timeout })
  const ledger = new Ledger()
  const load = startLoad(t, store, ledger)
  for (let round = 0; round < ROUNDS; round++) {
    await acknowledged(ledger, 200)
    await freeze(mongod.pid)
    await everyMethodFails(store, timeout)
    process.kill(mongod.pid, 'SIGCONT')
    await works(store)
  }
  await acknowledged(ledger, 200)
  await load.stop()
  await ledger.audit(await witness(t, mongod.uri))
  for (const error of load.errors) assertUnreachable(error)
  tell(t, ledger)
})

const canLimit = process.platform === 'linux' && succeedsSync(() => execFileSync('prlimit', ['-V']))

// Without the rights to mount a small disk, a limit of the size of files comes nearest to a full
// one: a write of the server fails, and it ends itself, as it does with a disk that is full.
test('every acknowledged write is there after a server ran out of space', async (t) => {
  if (!canLimit) return t.skip('there is no prlimit, which takes the space from a running server')
  const mongod = await ownMongod(t)
  const store = openStore(t, { uri: `${mongod.uri}?journal=true`, operationTimeout: 1000 })
  const ledger = new Ledger()
  const load = startLoad(t, store, ledger)
  await acknowledged(ledger, 200)
  const pid = mongod.pid
  execFileSync('prlimit', [`--pid=${pid}`, '--fsize=1024'])
  await until(() => hasEnded(pid), 'the end of the server')
  await until(() => load.errors.length > 0, 'a failure')
  await everyMethodFails(store, 1000)
  await mongod.kill()
  await mongod.start()
  await acknowledged(ledger, 200)
  await load.stop()
  await ledger.audit(await witness(t, mongod.uri))
  for (const error of load.errors) assertUnreachable(error)
  tell(t, ledger)
})

function succeedsSync(action) {
  try {
    action()
    return true
  } catch {
    return false
  }
}

/** Whether a process is gone. */
function hasEnded(pid) {
  return !succeedsSync(() => process.kill(pid, 0))
}
