// The guides for those who come from another package name every option and every method that its newest version
// has, beside what stands for it here. What those are, the packages themselves say.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import test from 'node:test'
import { MongoSessionStore as IwsioStore } from '@iwsio/mongodb-express-session'
import MongoStore, * as connectMongo from 'connect-mongo'
import session from 'express-session'

const require = createRequire(import.meta.url)

/** The text of a file of a package that is installed. */
const sourceOf = (path) => readFile(new URL(`../node_modules/${path}`, import.meta.url), 'utf8')

/** What a pattern captures in a text. */
const captured = (text, pattern) => Array.from(text.matchAll(pattern), ([, found]) => found)

/** The names of the fields of a type in TypeScript. */
const fieldsOf = (text, type) => {
  const [, body] = new RegExp(`(?:type|interface) ${type}\\b[^{]*\\{([^]*?)\\n\\s*\\}`).exec(text)
  return captured(body, /^\s*(\w+)\??:/gm)
}

const methodsOf = (Class) =>
  Object.getOwnPropertyNames(Class.prototype).filter((name) => name !== 'constructor')

/** For each guide: the options and the methods of the package, and which there are at least. */
const PACKAGES = {
  'migrating-from-connect-mongo.md': {
    async options() {
      const types = await sourceOf('connect-mongo/dist/index.d.cts')
      const ofSix = ['ConnectMongoOptions', 'CryptoOptions', 'WebCryptoAdapterOptions']
      const old = await sourceOf('connect-mongo3/src/types.d.ts')
      const sources = await Promise.all(['index.js', 'crypto.js'].map((file) => sourceOf(`connect-mongo3/src/${file}`))) // prettier-ignore
      return [
        ...ofSix.flatMap((type) => fieldsOf(types, type)),
        ...fieldsOf(old, 'DefaultOptions'),
        ...sources.flatMap((source) => captured(source, /\boptions\.(\w+)/g)),
      ]
    },
    async methods() {
      const factories = Object.keys(connectMongo).filter((name) => name.startsWith('create'))
      const fields = captured(await sourceOf('connect-mongo/dist/index.d.cts'), /^ {2}(\w+P): /gm)
      const Old = require('connect-mongo3')(session)
      return [...methodsOf(MongoStore), 'MongoStore', ...factories, ...fields, ...methodsOf(Old)]
    },
    least: ['mongoUrl', 'timestamps', 'ivLength', 'fallbackMemory', 'touch', 'collectionP'],
  },
  'migrating-from-connect-mongodb-session.md': {
    async options() {
      const source = await sourceOf('connect-mongodb-session/index.js')
      return captured(source, /^ {2}(\w+): \{$/gm)
    },
    async methods() {
      const source = await sourceOf('connect-mongodb-session/index.js')
      const Old = require('connect-mongodb-session')(session)
      return [...methodsOf(Old), ...captured(source, /\bthis\.(\w+) =/g)]
    },
    least: ['uri', 'expiresAfterSeconds', 'all', 'once', 'initialConnectionPromise'],
  },
  'migrating-from-express-session-mongodb.md': {
    async options() {
      const source = await sourceOf('express-session-mongodb/lib/ExpressSessionMongoDB.js')
      return ['DB', ...captured(source, /\bOptions\.(\w+)/g)]
    },
    methods: async () => methodsOf(require('express-session-mongodb')),
    least: ['TimeToLive', 'DeleteFlag', 'FlagDeletion', 'clear'],
  },
  'migrating-from-iwsio.md': {
    async options() {
      const path = '@iwsio/mongodb-express-session/dist/types/MongoSessionStoreOptions.d.mts'
      return fieldsOf(await sourceOf(path), 'MongoSessionStoreOptions')
    },
    async methods() {
      const types = await sourceOf('@iwsio/mongodb-express-session/dist/index.d.mts')
      return [...methodsOf(IwsioStore), ...captured(types, /^ {4}(\w+): .*;$/gm)]
    },
    least: ['uri', 'createTTLIndex', 'touch', 'client', 'collection'],
  },
}

/** The rows of all tables of a page, as lists of cells, without those that head them. */
function rowsOf(page) {
  const lines = page.split('\n').filter((line) => line.startsWith('|'))
  const cells = lines.map((line) => line.slice(1, -1).replaceAll('\\|', '¦').split('|'))
  return cells.map((row) => row.map((cell) => cell.trim()))
}

for (const [name, { options, methods, least }] of Object.entries(PACKAGES)) {
  test(`${name} names every option and method with its counterpart`, async () => {
    const page = await readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8')
    const rows = rowsOf(page)
    for (const row of rows) assert.notEqual(row.at(-1), '', `nothing stands for ${row[0]}`)
    const named = new Set(rows.flatMap(([first]) => captured(first, /`(?:new )?(\w+)[^`]*`/g)))
    const wanted = new Set([...(await options()), ...(await methods())])
    // Or the packages are written in another way by now.
    for (const known of least) assert.ok(wanted.has(known), `${known} is not found in the package`)
    const missing = [...wanted].filter((each) => !named.has(each))
    assert.deepEqual(missing, [])
  })
}
