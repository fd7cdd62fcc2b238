// The programs in docs/migrating-from-*.md, each run as it stands there against a real server.
//
// A block fenced as `js` is a whole program, an ES module if it imports anything. It ends by itself,
// or listens on `process.env.PORT ?? 3000`. In its place of `mongodb://localhost:27017/…` it gets a
// database of its own. `js old` is a program of the package that the page is about, and runs with
// that one.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { root } from '../scripts/step.mjs'
import { startProgram } from './program-support.mjs'
import { database } from './support.mjs'

const GUIDE = /^migrating-from-.+\.md$/

/** Below the package, so that the programs find it and its peers by their names. */
let folder

before(async () => {
  await mkdir(join(root, 'target'), { recursive: true })
  folder = await mkdtemp(join(root, 'target', 'guides-'))
})

after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

/** The programs of a page, `{ info, line, code }`: the words behind the fence, and where it is. */
function programs(page) {
  const fenced = /^```(js\b.*)\n([^]*?)^```$/gm
  return Array.from(page.matchAll(fenced), ({ 1: info, 2: code, index }) => ({
    info,
    line: page.slice(0, index).split('\n').length,
    code,
  }))
}

const pages = {}
for (const name of (await readdir(join(root, 'docs'))).filter((name) => GUIDE.test(name))) {
  pages[name] = await readFile(join(root, 'docs', name), 'utf8')
}

test('there are guides, and each has a program to run', () => {
  assert.ok(Object.keys(pages).length > 0)
  for (const [name, page] of Object.entries(pages)) assert.ok(programs(page).length > 0, name)
})

for (const [name, page] of Object.entries(pages)) {
  for (const { info, line, code } of programs(page)) {
    test(`the program in line ${line} of ${name} runs (${info})`, async (t) => {
      const { uri } = await database(t)
      const kind = /^import\b/m.test(code) ? 'mjs' : 'cjs'
      const file = join(folder, `${name}-${line}.${kind}`)
      await writeFile(file, code.replaceAll(/mongodb:\/\/localhost(:27017)?\/[\w-]+/g, uri))
      const program = await startProgram(t, file)
      if (!(await program.served())) return

      const { browser } = program
      const first = await browser.get('/')
      assert.ok(first.status < 400, `${first.status}: ${first.text}\n${program.output()}`)
      // What counts the visits of a browser finds its session again.
      if (first.text === '1 views') assert.equal((await browser.get('/')).text, '2 views')
      await program.stop()
    })
  }
}

test('moving from @iwsio/mongodb-express-session is the change of one line', () => {
  const [old, ours] = programs(pages['migrating-from-iwsio.md'])
  assert.equal(old.info, 'js old')
  assert.equal(ours.info, 'js')
  const before = old.code.split('\n')
  const after = ours.code.split('\n')
  const changed = before.filter((line, index) => line !== after[index])
  assert.equal(before.length, after.length)
  assert.deepEqual(changed, ["import { MongoSessionStore } from '@iwsio/mongodb-express-session'"])
})
