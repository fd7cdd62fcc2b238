// The code blocks of docs/migrating-from-*.md. By the words behind the fence:
//
// - `js` is a whole program, an ES module if it imports anything. It is run as it stands there against a
//   real server: it ends by itself, or listens on `process.env.PORT ?? 3000`. In its place of
//   `mongodb://localhost:27017/…` it gets a database of its own
// - `js old` is a program of the package that the page is about, and is run with that one
// - `diff` is one line of an old program and what becomes of it; both programs are run
// - `sh` is the installation
// - nothing: a stored document, which is not run
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { root } from '../scripts/step.mjs'
import { startProgram } from './program-support.mjs'
import { database } from './support.mjs'

const GUIDE = /^migrating-from-.+\.md$/

/** Where more than the line of the diff changes: the old package needs a driver of its time. */
const NEEDS_OLD_DRIVER = 'migrating-from-express-session-mongodb.md'

/** Below the package, so that the programs find it and its peers by their names. */
let folder

before(async () => {
  await mkdir(join(root, 'target'), { recursive: true })
  folder = await mkdtemp(join(root, 'target', 'guides-'))
  const driver = join(folder, 'old-driver', 'node_modules', 'mongodb')
  await mkdir(driver, { recursive: true })
  const shim = fileURLToPath(new URL('old-mongodb.cjs', import.meta.url))
  await writeFile(join(driver, 'index.js'), `module.exports = require(${JSON.stringify(shim)})`)
})

after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

/** The code blocks of a page, `{ info, line, code }`: the words behind the fence, and where it is. */
function blocks(page) {
  const fenced = /^```(.*)\n([^]*?)^```$/gm
  return Array.from(page.matchAll(fenced), ({ 1: info, 2: code, index }) => ({
    info,
    line: page.slice(0, index).split('\n').length,
    code,
  }))
}

/** The programs among them of one kind. */
function programs(page, info) {
  return blocks(page).filter((block) => block.info === info)
}

const pages = {}
for (const name of (await readdir(join(root, 'docs'))).filter((name) => GUIDE.test(name))) {
  pages[name] = await readFile(join(root, 'docs', name), 'utf8')
}

/** What is done with a block, by the words behind the fence. */
const CHECKS = {
  js: { title: 'runs', check: runs },
  'js old': { title: 'runs', check: runs },
  diff: { title: 'logs nobody out', check: keepsSessions },
  sh: { title: 'installs the package', check: installs },
  '': { title: 'shows a document', check: isDocument },
}

test('there are guides, each has a program to run, and no block escapes', () => {
  assert.ok(Object.keys(pages).length > 0)
  for (const [name, page] of Object.entries(pages)) {
    assert.ok(programs(page, 'js').length > 0, name)
    const found = blocks(page)
    for (const { info, line } of found) {
      assert.ok(Object.hasOwn(CHECKS, info), `what is '${info}' in line ${line} of ${name}?`)
    }
    // One that is indented, or fenced by tildes, would not have been found.
    assert.equal(page.match(/^[ \t>]*(```|~~~)/gm).length, 2 * found.length, name)
  }
})

for (const [name, page] of Object.entries(pages)) {
  for (const block of blocks(page)) {
    const { info, line } = block
    if (!Object.hasOwn(CHECKS, info)) continue
    const { title, check } = CHECKS[info]
    test(`the block in line ${line} of ${name} ${title} (${info})`, (t) =>
      check(t, block, name, page))
  }
}

/** Runs a program as it stands there. */
async function runs(t, { line, code }, name) {
  const { uri } = await database(t)
  const program = await start(t, `${name}-${line}`, code, uri)
  if (!(await program.served())) return

  const first = await program.browser.get('/')
  assert.ok(first.status < 400, `${first.status}: ${first.text}\n${program.output()}`)
  // What counts the visits of a browser finds its session again.
  if (first.text === '1 views') assert.equal((await program.browser.get('/')).text, '2 views')
  await program.stop()
}

/** Runs the programs before and after a change: who has a session before it, goes on with it. */
async function keepsSessions(t, { line, code }, name, page) {
  const { uri } = await database(t)
  const programs = changed(page, lineOf(code, '-'), lineOf(code, '+'), name === NEEDS_OLD_DRIVER)
  let cookies
  for (const [index, code] of programs.entries()) {
    const program = await start(t, `${name}-${line}-${index}`, code, uri)
    assert.ok(await program.served(), program.output())
    const { browser } = program
    browser.cookies = cookies ?? browser.cookies
    assert.equal((await browser.get('/')).text, `${index + 1} views`, program.output())
    cookies = browser.cookies
    await program.stop()
  }
}

/** The one line of a diff with this sign. */
function lineOf(diff, sign) {
  const lines = diff.trimEnd().split('\n')
  assert.equal(lines.length, 2, 'a diff of one line')
  return lines.find((line) => line.startsWith(sign)).slice(1)
}

/**
 * The programs before and after the change of one line: those of the page that have these lines, which
 * must differ in nothing else, unless more `isDifferent`. What the page has not is made by the diff, of
 * its own program or of the CommonJS form of the old one.
 */
function changed(page, minus, plus, isDifferent) {
  const having = (info, line) =>
    programs(page, info).find(({ code }) => code.split('\n').includes(line))?.code
  const old = having('js old', minus)
  const ours = having('js', plus)
  if (old !== undefined && ours !== undefined) {
    if (!isDifferent) assert.equal(replaced(old, minus, plus), ours)
    return [old, ours]
  }
  assert.ok(old === undefined, 'the page has what the diff makes of its old program')
  if (ours !== undefined) return [replaced(ours, plus, minus), ours]
  const made = inCommonJs(programs(page, 'js old')[0].code, minus)
  return [made, replaced(made, minus, plus)]
}

/** A program with another line in the place of one. */
function replaced(program, line, by) {
  const lines = program.split('\n')
  const index = lines.indexOf(line)
  assert.notEqual(index, -1, line)
  return lines.with(index, by).join('\n')
}

/** An ES module as CommonJS, with a line that requires one of its modules in its own way. */
function inCommonJs(program, line) {
  const required = program.replaceAll(/^import (.+) from ('.+')$/gm, 'const $1 = require($2)')
  const [module] = /'.+'/.exec(line)
  const [its] = required.split('\n').filter((each) => each.includes(module))
  return replaced(required, its, line)
}

/** Starts a program on a database, with the packages of its time. */
async function start(t, name, code, uri) {
  // Two versions of a package have two names here.
  const named = code.replace(
    "require('connect-mongo')(session)",
    "require('connect-mongo3')(session)",
  )
  const kind = /^import\b/m.test(code) ? 'mjs' : 'cjs'
  const place = code.includes("require('express-session-mongodb')") ? 'old-driver' : ''
  const file = join(folder, place, `${name}.${kind}`)
  await writeFile(file, named.replaceAll(/mongodb:\/\/localhost(:27017)?\/[\w-]+/g, uri))
  return startProgram(t, file)
}

function installs(_t, { code }) {
  assert.equal(code, 'npm install mongodb-session-store\n')
}

function isDocument(_t, { code }) {
  assert.match(code, /^\{\n( {2}\w+: .+\n)+\}\n$/)
}

test('moving from @iwsio/mongodb-express-session is the change of one line', () => {
  const page = pages['migrating-from-iwsio.md']
  const [old] = programs(page, 'js old')
  const [ours] = programs(page, 'js')
  const before = old.code.split('\n')
  const after = ours.code.split('\n')
  const changed = before.filter((line, index) => line !== after[index])
  assert.equal(before.length, after.length)
  assert.deepEqual(changed, ["import { MongoSessionStore } from '@iwsio/mongodb-express-session'"])
})
