// Next.js with the output `standalone`: an API route with the session middleware.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import test from 'node:test'
import { root } from '../../scripts/step.mjs'
import { startProgram } from '../program-support.mjs'
import { installPackage } from '../project-support.mjs'
import { database } from '../support.mjs'
import { run, settingsOf } from './build-app.mjs'

const ROUTE = `
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({ uri: process.env.MONGODB_URI })
const sessions = session({ secret: 'some secret', store, resave: false, saveUninitialized: false })

export default async function handler(req, res) {
  await new Promise((resolve, reject) => sessions(req, res, (error) => (error ? reject(error) : resolve())))
  req.session.views = (req.session.views ?? 0) + 1
  res.json({ views: req.session.views })
}
`

/** Below this package, where `next` is found; Next.js follows no links out of its root. */
async function nextProject(t, config) {
  await mkdir(join(import.meta.dirname, 'target'), { recursive: true })
  const folder = await mkdtemp(join(import.meta.dirname, 'target', 'next-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await installPackage(join(folder, 'node_modules', 'mongodb-session-store'))
  await writeFile(
    join(folder, 'package.json'),
    '{ "name": "app", "private": true, "type": "module" }',
  )
  await mkdir(join(folder, 'pages', 'api'), { recursive: true })
  await writeFile(
    join(folder, 'pages', 'index.js'),
    'export default function Page() { return null }\n',
  )
  await writeFile(join(folder, 'pages', 'api', 'views.js'), ROUTE)
  const text = `export default { output: 'standalone', outputFileTracingRoot: ${JSON.stringify(root)},
    turbopack: { root: ${JSON.stringify(root)} }, ${config} }\n`
  await writeFile(join(folder, 'next.config.mjs'), text)
  return folder
}

const next = join(import.meta.dirname, 'node_modules', '.bin', 'next')
const QUIET = { NEXT_TELEMETRY_DISABLED: '1', CI: '1' }

test('the standalone server has the addon', async (t) => {
  const [setting] = settingsOf('Next.js')
  const folder = await nextProject(t, setting)
  const built = await run(folder, next, ['build'], { ...QUIET, MONGODB_URI: 'memory:' })
  const standalone = join(folder, '.next', 'standalone')
  assert.ok(existsSync(standalone), built.stdout + built.stderr)
  const { uri, sessions } = await database(t)
  const server = join(standalone, relative(root, folder), 'server.js')
  const program = await startProgram(t, server, { MONGODB_URI: uri, HOSTNAME: '127.0.0.1' })
  assert.equal(await program.served(), true, program.output())
  await program.browser.get('/api/views')
  const { text } = await program.browser.get('/api/views')
  assert.deepEqual(JSON.parse(text), { views: 2 })
  assert.equal((await sessions.findOne()).session.views, 2)
})
