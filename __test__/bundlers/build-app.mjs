// What the tests of bundlers share: a project with an application, and what comes of it.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectOf } from '../project-support.mjs'
import { root } from '../../scripts/step.mjs'

const execute = promisify(execFile)

/** Visits itself twice, prints what the second answer was, and ends by itself when the store is closed. */
export const APP = `
import express from 'express'
import session from 'express-session'
import { MongoSessionStore } from 'mongodb-session-store'

const store = new MongoSessionStore({ uri: process.env.MONGODB_URI })
store.on('error', (error) => console.error(error))
const app = express()
app.use(session({ secret: 'some secret', store, resave: false, saveUninitialized: false }))
app.get('/', (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1
  req.session.since ??= new Date()
  res.end(req.session.views + ' views, a date: ' + (req.session.since instanceof Date))
})
const server = app.listen(0, '127.0.0.1', async () => {
  const origin = 'http://127.0.0.1:' + server.address().port
  const first = await fetch(origin)
  const cookie = first.headers.getSetCookie()[0].split(';')[0]
  console.log(await (await fetch(origin, { headers: { cookie } })).text())
  server.closeAllConnections()
  server.close()
  await store.close()
})
`

/** What the application prints when all is well. */
export const PRINTED = '2 views, a date: true\n'

/** A folder with the application as `app.mjs`, and with what it needs in node_modules. */
export async function project(t) {
  const folder = await projectOf(t, {
    links: ['express'],
    manifest: { private: true, type: 'module' },
  })
  await writeFile(join(folder, 'app.mjs'), APP)
  return folder
}

/** Runs a program, and answers what it has printed and how it failed, if it did. */
export async function run(cwd, command, args, env = {}) {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 }
  return execute(command, args, options).catch(({ code, stdout, stderr, signal }) => ({
    code: code ?? signal,
    stdout,
    stderr,
  }))
}

/** The line of the error with which a bundle without an addon ends at its start. */
export function errorLine({ stderr }) {
  return (
    /^(?:error: |Error: )?(mongodb-session-store .*)$/m.exec(
      stderr.replaceAll('Error: ', ''),
    )?.[1] ?? stderr
  )
}

const page = await readFile(join(root, 'docs', 'deploying.md'), 'utf8')

/** The settings that docs/deploying.md has for a tool: what stands in backquotes in its row. */
export function settingsOf(tool) {
  const row = page.split('\n').find((line) => line.startsWith(`| ${tool} |`))
  if (row === undefined) throw new Error(`docs/deploying.md has no row for ${tool}`)
  return Array.from(row.matchAll(/`([^`]+)`/g), ([, code]) => code)
}

/** An object of which the page has the properties. */
export function objectOf(properties) {
  return new Function(`return { ${properties} }`)()
}
