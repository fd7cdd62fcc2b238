// The bson package of the application: values of its version go in, and come back as values of its version,
// whichever package was installed first. In folders as npm makes them; the long form tries every version.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before, describe } from 'node:test'
import { promisify } from 'node:util'
import { addonName } from '../scripts/build.mjs'
import { root } from '../scripts/step.mjs'
import { database, isLong } from './support.mjs'

const execute = promisify(execFile)
const isWindows = process.platform === 'win32'

/** The versions of mongoose for each order, which have bson 4, 5, 6 and 7. */
const VERSIONS = {
  'mongoose first': isLong ? [6, 7, 8, 9] : [6],
  'the store first': isLong ? [6, 7, 8, 9] : [8],
}

let folder, tarball

const addon = join(root, addonName())

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-bson-'))
  // The addon stays where it is: it is large while it is being worked on.
  const own = join(folder, 'package')
  for (const part of ['package.json', 'index.cjs', 'index.mjs', 'lib']) {
    await cp(join(root, part), join(own, part), { recursive: true })
  }
  const { stdout } = await npm(
    own,
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    folder,
  )
  tarball = join(folder, JSON.parse(stdout)[0].filename)
})

after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

function npm(cwd, ...args) {
  return execute('npm', args, { cwd, shell: isWindows })
}

const OPTIONS = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']

/** What an application does with mongoose's values in its sessions; prints what it found. */
const PROGRAM = `
const mongoose = require('mongoose')
const { MongoSessionStore } = require('mongodb-session-store')
const { Binary, Decimal128, Long, MaxKey, MinKey, ObjectId, Timestamp, UUID, Code, Double, Int32 } = mongoose.mongo
const User = mongoose.model('User', new mongoose.Schema(
  { name: String, password: String, tags: { type: Map, of: Number } },
  { toJSON: { transform: (doc, { password, ...rest }) => rest } },
))
const values = {
  id: new ObjectId(), decimal: Decimal128.fromString('1.5'), long: Long.fromString('9007199254740993'),
  binary: new Binary(Buffer.from('x'), 9), stamp: Timestamp.fromBits?.(2, 1) ?? new Timestamp({ t: 1, i: 2 }),
  min: new MinKey(), max: new MaxKey(), code: new Code('f()', { id: new ObjectId() }),
  ...(UUID && { uuid: new UUID('b6ee0cd1-8e2c-4d8b-9a6b-0d8f6a1d2c3e') }),
}
async function main() {
  const uri = process.env.URI
  const store = new MongoSessionStore(process.env.CLIENT ? { client: await new mongoose.mongo.MongoClient(uri).connect() } : { uri })
  if (process.env.CLIENT) process.chdir('/')
  const user = new User({ name: 'ada', password: 'secret', tags: { a: 1 } })
  const session = { cookie: { path: '/' }, values, user, tags: user.tags, number: new Double(5), small: new Int32(5) }
  await store.set('sid', session)
  const read = await store.get('sid')
  const wrong = []
  for (const [name, value] of Object.entries(values)) {
    const back = read.values[name]
    const text = (one) => mongoose.mongo.BSON?.EJSON.stringify({ one }) ?? JSON.stringify(one)
    if (back?.constructor !== value.constructor) wrong.push([name, 'class', back?.constructor?.name])
    else if (text(back) !== text(value)) wrong.push([name, text(value), text(back)])
  }
  await mongoose.connect(uri)
  await User.deleteMany({})
  await User.create({ _id: values.id, name: 'grace' })
  const found = await User.findById(read.values.id)
  const raw = await mongoose.connection.db.collection('sessions').findOne({ _id: 'sid' })
  await mongoose.disconnect()
  await store.close()
  console.log(JSON.stringify({
    wrong, found: found?.name, equals: values.id.equals(read.values.id), tags: raw.session.tags, userTags: raw.session.user.tags,
    hasPassword: JSON.stringify(raw).includes('secret'), number: read.number, small: read.small,
  }))
  process.exit(0)
}
main()
`

/** Prepares a folder in which a version of mongoose is installed before the store, or behind it. */
const ORDERS = {
  'mongoose first': async (project, mongoose) => {
    await rm(join(project, 'node_modules'), { recursive: true, force: true })
    await rm(join(project, 'package-lock.json'), { force: true })
    await writeFile(join(project, 'package.json'), '{ "private": true }')
    await npm(project, 'install', ...OPTIONS, mongoose)
    await npm(project, 'install', ...OPTIONS, tarball, 'express-session')
  },
  'the store first': async (project, mongoose, isFirst) => {
    if (isFirst) {
      await writeFile(join(project, 'package.json'), '{ "private": true }')
      await npm(project, 'install', ...OPTIONS, tarball, 'express-session')
    }
    await npm(project, 'install', ...OPTIONS, mongoose)
  },
}

describe('values of the bson of the application', { concurrency: 2 }, () => {
  for (const [order, install] of Object.entries(ORDERS)) {
    test(`they go in and come back, ${order}`, async (t) => {
      const { uri } = await database(t)
      const project = await mkdtemp(join(folder, 'project-'))
      for (const [index, version] of VERSIONS[order].entries()) {
        await install(project, `mongoose@${version}`, index === 0)
        await writeFile(join(project, 'app.cjs'), PROGRAM)
        // Without a client, the package is found from the program; with one, from its driver.
        for (const env of [{}, { CLIENT: '1' }]) {
          const { stdout } = await execute(process.execPath, ['app.cjs'], {
            cwd: project,
            env: { ...process.env, ...env, URI: uri, NAPI_RS_NATIVE_LIBRARY_PATH: addon },
          })
          const expected = {
            wrong: [],
            found: 'grace',
            equals: true,
            tags: { a: 1 },
            userTags: { a: 1 },
            hasPassword: false,
            number: 5,
            small: 5,
          }
          assert.deepEqual(JSON.parse(stdout), expected, `mongoose ${version}`)
        }
      }
    })
  }
})
