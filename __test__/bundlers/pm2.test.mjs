// pm2 by the line of docs/deploying.md. Its licence is not one that this repository takes in, so it is no dependency:
// the test installs it into a folder of its own, runs its command and removes it.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { Browser } from '../express-support.mjs'
import { database, freePort, until } from '../support.mjs'
import { project, run, settingsOf } from './build-app.mjs'

const VERSION = '7.0.4'

/** Says which process answers, and closes at the signal by which pm2 ends what it has started. */
const APP = `
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({ uri: process.env.MONGODB_URI })
store.on('error', (error) => console.error(error))
const app = express()
app.use(session({ secret: 'some secret', store, resave: false, saveUninitialized: false }))
app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  res.set('connection', 'close').json({ pid: process.pid, views: req.session.views })
})
const server = app.listen(process.env.PORT, '127.0.0.1')
process.on('SIGINT', () => {
  server.close(async () => {
    await store.close()
    console.log('the store is closed')
    process.exit(0)
  })
})
`

async function installPm2(t) {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-pm2-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await writeFile(join(folder, 'package.json'), '{ "private": true }')
  const quietly = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  const installed = await run(folder, 'npm', ['install', ...quietly, `pm2@${VERSION}`])
  assert.equal(installed.code, undefined, installed.stderr)
  return join(folder, 'node_modules', '.bin', 'pm2')
}

test('pm2: the processes of a cluster share the sessions, and close their stores when they are stopped', async (t) => {
  const folder = await project(t)
  await writeFile(join(folder, 'app.mjs'), APP)
  const [command] = settingsOf('pm2')
  const [tool, ...args] = command.split(' ')
  assert.equal(tool, 'pm2')
  const pm2 = await installPm2(t)
  const { uri } = await database(t)
  const port = await freePort()
  const home = join(folder, 'pm2')
  const env = { MONGODB_URI: uri, PORT: String(port), PM2_HOME: home }
  const started = await run(folder, pm2, args, env)
  // The daemon is in no process group of this test.
  t.after(() => run(folder, pm2, ['kill'], env))
  assert.equal(started.code, undefined, started.stderr + started.stdout)

  const origin = `http://127.0.0.1:${port}`
  await until(
    () =>
      fetch(origin).then(
        (response) => response.ok,
        () => false,
      ),
    'the app to listen',
  )
  const browser = new Browser(origin)
  const pids = new Set()
  let visits = 0
  await until(async () => {
    const { pid, views } = JSON.parse((await browser.get('/')).text)
    assert.equal(views, ++visits)
    pids.add(pid)
    return pids.size === 2
  }, 'both processes to answer')

  const stopped = await run(folder, pm2, ['stop', 'all'], env)
  assert.equal(stopped.code, undefined, stopped.stderr)
  const logs = await readdir(join(home, 'logs'))
  const textsOf = async (kind) => {
    const texts = logs.filter((name) => name.includes(kind))
    return (
      await Promise.all(texts.map((name) => readFile(join(home, 'logs', name), 'utf8')))
    ).join('')
  }
  assert.equal((await textsOf('-out')).match(/the store is closed/g)?.length, 2)
  assert.equal(await textsOf('-error'), '')
})
