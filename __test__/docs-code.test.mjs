// The code blocks of the README, SECURITY.md, CONTRIBUTING.md and docs/, each of them checked. What is done with a
// block, its first line and the words behind its fence say:
//
// - `js` or `ts` that begins with `// name.mjs` is a program, and run as it stands there (docs-programs.test.mjs)
// - `ts` that declares a module is added to the first program of its page, which then has to compile as TypeScript
// - any other `js` or `ts` is a fragment. It is compiled as the body of an async function, behind its own
//   imports and among the names of docs/surroundings.d.ts and docs/elsewhere.d.ts; `ts` under --strict
// - `js mongosh` is for MongoDB's shell, and is run on a real server
// - `js document` shows a stored document
// - `sh` and `console` hold commands of npm, which have to exist
// - `dockerfile` is for Docker, which is not here: what of it was run, the page says
//
// The guides in docs/migrating-from-*.md have rules of their own (migration-guides.test.mjs).
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import * as crypto from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import test, { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Binary } from 'mongodb'
import { root } from '../scripts/step.mjs'
import { GUIDE, blocksOf, fencesIn, programName, readPages } from './docs/pages.mjs'
import { database } from './support.mjs'

const execute = promisify(execFile)
const require = createRequire(import.meta.url)

const pages = await readPages()
for (const path of Object.keys(pages)) if (GUIDE.test(basename(path))) delete pages[path]

const blocks = Object.entries(pages).flatMap(([path, page]) =>
  blocksOf(page).map((block) => ({ path, ...block, kind: kindOf(block) })),
)

const SURROUNDINGS = ['surroundings.d.ts', 'elsewhere.d.ts']

/** Below the package, so that the blocks find it by its name. */
let folder

before(async () => {
  await mkdir(join(root, 'target'), { recursive: true })
  folder = await mkdtemp(join(root, 'target', 'docs-'))
  for (const name of SURROUNDINGS) {
    await cp(fileURLToPath(new URL(`docs/${name}`, import.meta.url)), join(folder, name))
  }
})

after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

function kindOf(block) {
  const { info, code } = block
  if (!['js', 'ts'].includes(info)) return info
  if (programName(block) !== undefined) return 'program'
  return /^declare module /.test(code) ? 'declaration' : `${info} fragment`
}

function ofKind(kind) {
  return blocks.filter((block) => block.kind === kind)
}

test('no block escapes: each is of a kind that is checked', () => {
  const checked = ['program', 'declaration', 'js fragment', 'ts fragment']
  checked.push('js mongosh', 'js document', 'sh', 'console', 'dockerfile')
  for (const { path, line, kind } of blocks) {
    assert.ok(checked.includes(kind), `what is '${kind}' in line ${line} of ${path}?`)
  }
  for (const [path, page] of Object.entries(pages)) {
    assert.equal(fencesIn(page), 2 * blocksOf(page).length, `a fence of ${path} is not closed`)
  }
})

test('the fragments in JavaScript use options, methods and events that there are', async () => {
  await compile(fragments('js', 'mjs'), { allowJs: true, checkJs: true, strict: false })
})

test('the fragments in TypeScript compile under --strict', async () => {
  await compile(fragments('ts', 'mts'), {})
})

test('a program that is pasted into a TypeScript file compiles under --strict with the declaration beside it', async () => {
  const files = {}
  for (const { path, line, code } of ofKind('declaration')) {
    const program = blocks.find((block) => block.path === path && block.kind === 'program')
    files[`${path.replaceAll('/', '-')}-${line}.mts`] = `${program.code}\n${code}`
  }
  assert.ok(Object.keys(files).length > 0)
  await compile(files, {}, [])
})

/** The fragments of a language as files. */
function fragments(language, extension) {
  const found = ofKind(`${language} fragment`)
  return Object.fromEntries(
    found.map(({ path, line, code }) => [
      `${path.replaceAll('/', '-')}-${line}.${extension}`,
      inFunction(code),
    ]),
  )
}

function inFunction(code) {
  const imports = code.match(/^import .+$/gm) ?? []
  const body = code.replaceAll(/^import .+$/gm, '')
  return `${imports.join('\n')}\nexport async function fragment() {\n${body}}\n`
}

async function compile(sources, options, others = SURROUNDINGS) {
  for (const [name, source] of Object.entries(sources)) {
    await writeFile(join(folder, name), source)
  }
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    // What is checked is the page, not the packages that it uses.
    skipLibCheck: true,
    ...options,
  }
  const files = [...Object.keys(sources), ...others]
  const project = join(folder, 'tsconfig.json')
  await writeFile(project, JSON.stringify({ compilerOptions, files }))
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  await execute(process.execPath, [tsc, '-p', project], { cwd: folder }).catch(({ stdout }) =>
    assert.fail(stdout),
  )
}

/** What a collection may hold: sessions as documents and as texts, encrypted ones, and what is no session. */
const KINDS = [
  { _id: 'document', session: { cookie: {}, user: 'ada' } },
  { _id: 'text', session: '{"cookie":{}}' },
  { _id: 'encrypted', session: { cookie: new Binary(Buffer.alloc(40), 238) } },
  { _id: 'encrypted text', session: new Binary(Buffer.alloc(40), 238) },
  { _id: { autoRemove: '' }, until: new Date() },
]

for (const { path, line, code } of ofKind('js mongosh')) {
  test(`what line ${line} of ${path} has for MongoDB's shell is taken by a server`, async (t) => {
    const { sessions } = await database(t)
    await sessions.insertMany(KINDS)
    const names = { sessions, crypto, prefix: '', sid: 'sid', key: Buffer.alloc(32) }
    const run = new Function('names', `with (names) { const db = { sessions }; return ${code} }`)
    await run(names)
  })
}

test('the command that removes plain sessions leaves the encrypted ones, and what is no session', async (t) => {
  const { sessions } = await database(t)
  await sessions.insertMany(KINDS)
  const [{ code }] = ofKind('js mongosh').filter(({ code }) => code.includes('deleteMany'))
  await new Function('db', `return ${code}`)({ sessions })
  const left = await sessions.distinct('_id')
  assert.deepEqual(left, ['encrypted', 'encrypted text', { autoRemove: '' }])
})

test('the stored documents are JavaScript that a shell reads', () => {
  const Binary = { createFromBase64: (text, subtype) => ({ text, subtype }) }
  for (const { path, line, code } of ofKind('js document')) {
    const read = new Function('ISODate', 'Binary', `return (${code})`)
    const document = read((text) => new Date(text), Binary)
    assert.ok(document._id && document.session, `line ${line} of ${path}`)
    assert.ok(!Number.isNaN(document.expires.getTime()), `line ${line} of ${path}`)
  }
})

test('every command is one that npm has', async () => {
  const { name, scripts, devDependencies } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  )
  const packages = [name, ...Object.keys(devDependencies)]
  for (const { path, line, code } of [...ofKind('sh'), ...ofKind('console')]) {
    for (const command of code.trimEnd().split('\n')) {
      const where = `'${command}' in line ${line} of ${path}`
      const [, installed] = /^npm install (?:--save-dev )?(.+)$/.exec(command) ?? []
      const [, script] = /^(?:\$ )?npm (?:run )?([\w:-]+)/.exec(command) ?? []
      if (installed !== undefined) {
        for (const each of installed.split(' ')) assert.ok(packages.includes(each), where)
      } else if (script !== undefined) assert.ok(script in scripts, where)
    }
  }
})
