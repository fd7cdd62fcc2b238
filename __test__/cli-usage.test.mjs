// How the command line is used: options, config modules, a yes, help, and what it says of mistakes.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { PassThrough } from 'node:stream'
import test from 'node:test'
import { isConfirmed } from '../cli/confirm.mjs'
import { withoutPasswords } from '../cli/failure.mjs'
import { configModule, run, runJson, start, withSessions } from './cli-support.mjs'

const { version } = createRequire(import.meta.url)('../package.json')

test('in a process it does as in a thread, where the other tests have it', async (t) => {
  const { uri } = await withSessions(t)
  for (const [args, code] of [
    [['users', '--json'], 0],
    [['show', '000000000000'], 3],
    [['list', '--limit', 'many'], 2],
  ]) {
    const [process, thread] = await Promise.all([start(uri, args).ended, run(uri, ...args)])
    assert.equal(process.code, code, process.stderr)
    assert.deepEqual({ ...thread, signal: null }, process)
  }
})

test('a server that is not there is a failure with its reason, and no password shows', async () => {
  const uri = 'mongodb://operator:s3cret@127.0.0.1:1/app'
  const doctor = await run(uri, 'doctor')
  assert.equal(doctor.code, 4)
  assert.match(doctor.stdout, /✗ connection: no MongoDB server could be reached.*refused/)
  const list = await runJson(undefined, 'list', '--uri', uri)
  assert.equal(list.code, 1)
  assert.equal(list.records[0].error.code, 'ERR_STORE_CONNECTION')
  const typo = await run(undefined, 'list', `--urii=${uri}`)
  assert.equal(typo.code, 2)
  for (const { stdout, stderr } of [doctor, list, typo]) {
    assert.doesNotMatch(stdout + stderr, /s3cret/)
  }
})

test('a password is in no message, not even one that is written wrongly', () => {
  for (const password of ['secret', 'se@cret', 'se:c/r@et', 'se@c@ret', 's cr et', 's\ncret']) {
    const told = withoutPasswords(`Cannot read mongodb+srv://me:${password}@host/db, sorry`)
    assert.equal(told, 'Cannot read mongodb+srv://***@host/db, sorry')
  }
})

test('a wrong option is named, with the one that was meant, and ends with 2', async (t) => {
  for (const [args, message] of [
    [['list', '--colection', 'x'], /'--colection'.*--collection/],
    [['lst'], /'lst'.*list/],
    [['--collection', 'x', 'list'], /'--collection'.*the command comes first/],
    [['list', '--limit', 'many'], /'--limit'.*'many'/],
    [['list', '--ttl', 'long'], /'--ttl'.*'long'/],
    [['list', '--autoRemove', 'never'], /'autoRemove'/],
    [['list', '--uri', 'memory:'], /memory:/],
    [['list', '--uri', 'mongodb://127.0.0.1/x?colour=red'], /colour/],
    [['list', '--config', '/nowhere.mjs'], /\/nowhere\.mjs/],
    [['revoke'], /--user/],
    [['revoke', '--all', '--user', 'a'], /--user/],
    [['show'], /session/],
    [['rekey'], /--config/],
    [['migrate'], /--from/],
    [['migrate', '--from', 'redis'], /connect-mongo/],
  ]) {
    const { code, stdout, stderr } = await run('mongodb://127.0.0.1:1/x', ...args)
    assert.equal(code, 2, `${args}: ${stderr}`)
    assert.match(stderr, message)
    assert.equal(stdout, '')
  }
  const misspelt = await configModule(t, "export default { colection: 'x' }")
  const { records, code } = await runJson(undefined, 'list', '--config', misspelt)
  assert.equal(code, 2)
  assert.match(records[0].error.message, /'colection'.*'collection'/)
})

test('a config module has the options of the store, functions and a client too; flags take precedence over it', async (t) => {
  const { uri } = await withSessions(t)
  const config = await configModule(
    t,
    `import { createRequire } from 'node:module'
     const { MongoClient } = createRequire(${JSON.stringify(import.meta.url)})('mongodb')
     const client = await MongoClient.connect(${JSON.stringify(uri)})
     export default async () => ({ client, collection: 'nowhere', userId: ({ user }) => user?.id })`,
  )
  const none = await runJson(undefined, 'list', '--config', config)
  assert.deepEqual([none.records, none.code], [[], 0])
  const all = await runJson(undefined, 'list', '--config', config, '--collection', 'sessions')
  assert.equal(all.records.length, 5)
})

test('a config module may be of any kind that Node loads, also what a compiler has made of one', async (t) => {
  const { uri } = await withSessions(t)
  const options = `{ uri: ${JSON.stringify(uri)}, collection: 'sessions' }`
  const compiled = "Object.defineProperty(exports, '__esModule', { value: true })"
  for (const [name, source] of [
    ['config.mjs', `export const { uri, collection } = ${options}`],
    ['config.cjs', `module.exports = ${options}`],
    ['config.cjs', `module.exports = async () => (${options})`],
    ['config.cjs', `${compiled}; exports.default = ${options}`],
    ['config.cjs', `${compiled}; exports.default = () => (${options})`],
    ['config.cjs', `exports.__esModule = true; Object.assign(exports, ${options})`],
  ]) {
    const config = await configModule(t, source, name)
    const { records, stdout, code } = await runJson(undefined, 'list', '--config', config)
    assert.deepEqual([records.length, code], [5, 0], `${source}: ${stdout}`)
  }
})

test('what is wrong with a config module is said by its name, without a password', async (t) => {
  const index = JSON.stringify(new URL('../index.mjs', import.meta.url).href)
  const uri = 'mongodb://operator:s3cret@127.0.0.1:1/app'
  for (const [source, message] of [
    ['export default "x"', /config\.mjs must export the options of the store as its default/],
    ['export default undefined.uri', /config\.mjs cannot be loaded: .*undefined/],
    ['throw "no vault"', /config\.mjs cannot be loaded: no vault/],
    [
      `export default () => { throw new Error('no vault for ${uri}') }`,
      /the function of the config module .*config\.mjs has failed: no vault for mongodb:/,
    ],
    [
      `import { MongoSessionStore } from ${index}; export default new MongoSessionStore({ uri: '${uri}' })`,
      /config\.mjs exports a store: it must export the options of which one is made/,
    ],
  ]) {
    const { code, stdout, stderr } = await run(undefined, 'list', '--config', await configModule(t, source)) // prettier-ignore
    assert.equal(code, 2, `${source}: ${stdout}${stderr}`)
    assert.match(stderr, message)
    assert.doesNotMatch(stdout + stderr, /s3cret/)
  }
})

test('a config module in TypeScript is loaded, or told why not', async (t) => {
  const { uri } = await withSessions(t)
  const source = `const uri: string = ${JSON.stringify(uri)}\nexport default { uri }`
  const config = await configModule(t, source, 'config.mts')
  const { code, stdout, stderr } = await run(undefined, 'list', '--json', '--config', config)
  const { typescript = false } = process.features
  assert.equal(code, typescript === false ? 2 : 0, stdout + stderr)
  if (typescript === false) {
    assert.match(stdout, /config\.mts cannot be loaded.* v\d.*reads no TypeScript/)
  }
})

test('on a terminal the operator types the count, and anything else is no yes', async () => {
  const ask = async (options, answer) => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    Object.assign(input, { isTTY: true })
    Object.assign(output, { isTTY: true })
    if (answer !== undefined) input.end(`${answer}\n`)
    const chosen = await isConfirmed(
      options,
      { count: 3, deed: 'end 3 sessions' },
      { input, output },
    )
    return [chosen, output.read()?.toString()]
  }
  const [chosen, asked] = await ask({}, '3')
  assert.ok(chosen)
  assert.ok(asked.includes('This will end 3 sessions. Type 3 to go ahead: '), asked)
  for (const answer of ['y', 'yes', '', '30']) assert.equal((await ask({}, answer))[0], false)
  assert.deepEqual(await ask({ yes: true }), [true, undefined])
  assert.deepEqual(await ask({ yes: true, dryRun: true }), [false, undefined])
  assert.deepEqual(await ask({ json: true }), [false, undefined])
})

test('each help fits into a terminal of 80 columns and onto a screen, and the version is that of the package', async () => {
  const { stdout } = await run(undefined, '--help')
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name)
  assert.ok(commands.includes('doctor') && commands.length === 12, commands.join())
  const assertFits = (text, lines) => {
    assert.ok(text.trimEnd().split('\n').length <= lines, text)
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line)
  }
  assertFits(stdout, 24)
  for (const command of commands.filter((name) => name !== 'help')) {
    const help = await run(undefined, command, '--help')
    assert.equal(help.code, 0)
    assertFits(help.stdout, 30)
    assert.match(help.stdout, /--json/)
  }
  assert.equal((await run(undefined, '--version')).stdout, `${version}\n`)
  const nothing = await run(undefined)
  assert.equal(nothing.code, 2)
  assert.match(nothing.stderr, /Usage: mongodb-session-store/)
})
