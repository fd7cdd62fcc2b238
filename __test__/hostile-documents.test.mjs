// Stored documents that no store has written: `get` answers null, a session or an error with a code,
// and neither a `get` nor the save of something else changes them.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import {
  BSON,
  Binary,
  Code,
  DBRef,
  Decimal128,
  Double,
  Long,
  MaxKey,
  MinKey,
  MongoClient,
  ObjectId,
  Timestamp,
} from 'mongodb'
import { startMongod } from '../scripts/mongod.mjs'
import { insertRaw } from './raw-documents.mjs'
import { load, newSession, openStore, until } from './support.mjs'

const { BSONRegExp, BSONSymbol } = BSON

let mongod, client, sessions

// A server without log-in or TLS, to which a message can be sent by hand.
before(async () => {
  mongod = await startMongod({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })
  client = await MongoClient.connect(mongod.uri)
  sessions = client.db().collection('sessions')
})

after(async () => {
  await client.close()
  await mongod.stop()
})

/** A test with a store on an empty collection. */
function onEmptyCollection(title, body) {
  test(title, async (t) => {
    await sessions.deleteMany({})
    await body(openStore(t, { uri: mongod.uri, operationTimeout: 30_000 }), t)
  })
}

const insert = (document, replacements) =>
  insertRaw(
    { port: mongod.port, database: client.db().databaseName },
    { _id: 'sid', ...document },
    replacements,
  )

/** The bytes of the stored document. */
const stored = (_id = 'sid') => sessions.findOne({ _id }, { raw: true })

/** The stored fields of the session but its cookie, each as its type and bytes, by their keys. */
async function storedFields() {
  const document = await stored()
  const session = elements(document).find(({ key }) => key === 'session')
  const fields = elements(session.bytes).filter(({ key }) => key !== 'cookie')
  return new Map(fields.map(({ key, type, bytes }) => [key, `${type} ${bytes.toString('hex')}`]))
}

function elements(document) {
  return BSON.onDemand.parseToElements(document).map(([type, keyAt, keyLength, at, length]) => ({
    type,
    key: document.toString('latin1', keyAt, keyAt + keyLength),
    bytes: document.subarray(at, at + length),
  }))
}

/** Bytes that are no UTF-8, to be put in the place of `????`. */
const INVALID = [['????', '\xff\xfe\xc3\xf0']]

/** `to` in the place of a key as long as that; `type` is what the key is found by. */
const renamed = (from, to) => [[`${from}\0`, `${to}\0`]]

const REFERENCE = new DBRef('users', new ObjectId('507f1f77bcf86cd799439011'), 'admin')

/** Each: what it is, a value, what it is read as, and replacements in the bytes. */
const ODD_VALUES = [
  ['a DBRef', REFERENCE, { $ref: 'users', $id: REFERENCE.oid, $db: 'admin' }],
  ['code', new Code('f()'), new Code('f()')],
  ['code with a scope', new Code('f()', { a: Long.fromNumber(1) }), new Code('f()', { a: 1 })],
  ['a MinKey', new MinKey(), new MinKey()],
  ['a MaxKey', new MaxKey(), new MaxKey()],
  ['a Timestamp', new Timestamp({ t: 1, i: 2 }), new Timestamp({ t: 1, i: 2 })],
  ['a Decimal128', Decimal128.fromString('NaN'), Decimal128.fromString('NaN')],
  ['the deprecated undefined', null, null, [['\x0av\0', '\x06v\0']]],
  [
    'a regular expression for other programs',
    new BSONRegExp('(?i)[', 'x'),
    new BSONRegExp('(?i)[', 'x'),
  ],
  ['a regular expression with more flags', new BSONRegExp('a', 'imsx'), /a/gim],
  ['the last moment of BSON', Long.MAX_VALUE, new Date(NaN), [['\x12v\0', '\x09v\0']]],
  ['the first moment of BSON', Long.MIN_VALUE, new Date(NaN), [['\x12v\0', '\x09v\0']]],
  [
    'a moment just beyond a Date',
    Long.fromNumber(8.64e15 + 1),
    new Date(NaN),
    [['\x12v\0', '\x09v\0']],
  ],
  ['a whole double', new Double(3), 3],
  ['a binary of the old subtype', new Binary(Buffer.from('x'), 2), new Binary(Buffer.from('x'), 2)],
  ['a vector that is none', new Binary(Buffer.from('x'), 9), new Binary(Buffer.from('x'), 9)],
  ['text that is no UTF-8', 'a????b', 'a\ufffd\ufffd\ufffd\ufffdb', INVALID],
  ['a key that is no UTF-8', { 'a????b': 1 }, { 'a\ufffd\ufffd\ufffd\ufffdb': 1 }, INVALID],
  ['array keys out of order', [new Date(1), 2], [new Date(1), 2], [['\x090\0', '\x097\0']]],
  ['an array without keys', [5], [5], [['\x100\0', '\x10/\0']]],
]

for (const [what, value, read, replacements] of ODD_VALUES) {
  onEmptyCollection(`${what} is read, and a save of something else leaves it`, async (store) => {
    await insert({ session: newSession({ v: value, views: 1 }) }, replacements)
    const before = await stored()
    const others = await storedFields()
    const { v } = await store.get('sid')
    // Two dates that are none are not equal to assert.
    if (String(read) === 'Invalid Date') assert.equal(String(v), 'Invalid Date')
    else assert.deepStrictEqual(v, read)
    assert.equal((await store.all()).length, 1)
    assert.deepEqual(await stored(), before)
    const session = await load(store)
    session.views = 2
    await store.set('sid', session)
    assert.deepEqual(await storedFields(), others.set('views', '16 02000000'))
  })
}

onEmptyCollection('a deprecated symbol is read as text', async (store) => {
  await insert({ session: newSession({ v: new BSONSymbol('s') }) })
  assert.equal((await store.get('sid')).v, 's')
})

onEmptyCollection(
  'what cannot be read is an error with a code, and hides no other',
  async (store) => {
    const bad = {
      symbol: [new BSONSymbol('????'), INVALID],
      flags: [new BSONRegExp('a[', 'x'), [['a[\0x\0', 'a[\0q\0']]],
      scope: [new Code('f', { a: '????' }), INVALID],
    }
    for (const [_id, [v, replacements]] of Object.entries(bad)) {
      await insert({ _id, session: newSession({ v }) }, replacements)
    }
    await store.set('fine', newSession({ fine: true }))
    const answers = await Promise.allSettled(
      [...Object.keys(bad), 'fine'].map((sid) => store.get(sid)),
    )
    assert.equal(answers.pop().value.fine, true)
    for (const { reason } of answers) assert.equal(reason.code, 'ERR_STORE_SERIALIZATION')
    assert.deepEqual(
      (await store.all()).map(({ fine }) => fine),
      [true],
    )
  },
)

onEmptyCollection('a large session with text that is no UTF-8 can be saved', async (store) => {
  // From 4 KB on, only the fields whose text has changed are sent back.
  await insert(
    { session: newSession({ v: '????', filling: 'x'.repeat(5000), n: 1, gone: 1 }) },
    INVALID,
  )
  const before = await storedFields()
  const session = await load(store)
  session.n = 2
  delete session.gone
  await store.set('sid', session)
  before.delete('gone')
  assert.deepEqual(await storedFields(), before.set('n', '16 02000000'))
})

/** More keys than are looked through one by one. */
const MANY = {
  aa: 1,
  ...Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`k${n}`, n])),
  bb: 2,
}

/** Each: what it is, the session, the replacement that makes two keys one, what is read. */
const TWINS = [
  ['a date and a number', { aa: new Date(1), bb: 5 }, { aa: new Date(1) }],
  ['a number and a date', { aa: 5, bb: new Date(1) }, { aa: 5 }],
  ['null and an object with a date', { aa: null, bb: { x: { y: new Date(1) } } }, { aa: null }],
  [
    'an object with a date and text',
    { aa: { x: new Date(1) }, bb: 'text' },
    { aa: { x: new Date(1) } },
  ],
  ['a list and a longer one of dates', { aa: [7], bb: [new Date(1), new Date(2)] }, { aa: [7] }],
  ['two inside an object', { o: { aa: 1, bb: new Date(1), c: 2 } }, { o: { aa: 1, c: 2 } }],
  ['two among many', MANY, { ...MANY, bb: undefined }],
]

for (const [what, data, read] of TWINS) {
  onEmptyCollection(
    `of two equal keys the first one counts, which a save changes: ${what}`,
    async (store) => {
      await insert({ session: newSession(data) }, renamed('bb', 'aa'))
      const before = await stored()
      const { cookie: _, ...session } = await store.get('sid')
      assert.deepStrictEqual(session, JSON.parse(JSON.stringify(read), revived))
      assert.deepEqual(await stored(), before)
      const changed = await load(store)
      if ('aa' in changed) changed.aa = 'changed'
      else changed.o.aa = 'changed'
      await store.set('sid', changed)
      const { aa, o } = await store.get('sid')
      assert.equal(aa ?? o.aa, 'changed')
    },
  )
}

/** Dates from their JSON text. */
const revived = (key, value) => (/^1970-/.test(value) ? new Date(value) : value)

onEmptyCollection('of two sessions in one document the first one counts', async (store) => {
  const document = { session: newSession({ n: 1 }), sessiom: newSession({ n: 2 }) }
  await insert(document, renamed('sessiom', 'session'))
  const session = await load(store)
  assert.equal(session.n, 1)
  session.n = 3
  await store.set('sid', session)
  assert.equal((await store.get('sid')).n, 3)
})

onEmptyCollection('equal keys do not lead to the prototype of all objects', async (store) => {
  const prototype = Object.getOwnPropertyNames(Object.prototype)
  const inner = { polluted: new Date(1), toString: new Date(2) }
  const data = { aa: {}, bb: { __proXo__: inner, construct0r: { prototype: inner } } }
  const replacements = [
    ...renamed('bb', 'aa'),
    ...renamed('__proXo__', '__proto__'),
    ...renamed('construct0r', 'constructor'),
  ]
  await insert({ session: newSession(data) }, replacements)
  assert.deepStrictEqual((await store.get('sid')).aa, {})
  assert.equal({}.polluted, undefined)
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), prototype)
})

for (const [what, twin] of [
  ['text', 'x'],
  ['null', null],
  ['a list', [1]],
]) {
  onEmptyCollection(`a first cookie that is ${what} is the cookie`, async (store) => {
    const { cookie } = newSession()
    await insert({ session: { kookie: twin, cookie, n: 1 } }, renamed('kookie', 'cookie'))
    assert.deepEqual(await store.get('sid'), { cookie: twin, n: 1 })
    assert.equal((await store.all()).length, 1)
  })
}

const AT = [['\x12expires', '\x09expires']]

/** Each: a document's `expires`, whether it lives, and replacements in the bytes. */
const EXPIRES = [
  ['soon', true],
  [5, true],
  [NaN, true],
  [null, true],
  [true, true],
  [{}, true],
  [new Timestamp({ t: 1, i: 1 }), true],
  [Long.fromNumber(1), true],
  [new Date(8.64e15), true],
  [new Date(-8.64e15), false],
  [new Date(0), false],
  [[], true],
  [['soon'], true],
  [[new Date(8.64e15)], true],
  [[new Date(8.64e15), new Date(0)], false],
  [[new Date(0), 5, new Date(8.64e15)], false],
  [Long.MAX_VALUE, true, AT],
  [Long.MIN_VALUE, false, AT],
]

for (const [expires, lives, replacements] of EXPIRES) {
  const what = `${expires?.constructor?.name ?? ''} ${String(expires)}`
  onEmptyCollection(
    `expires may be ${what}: the session ${lives ? 'lives' : 'is gone'}`,
    async (store) => {
      await insert({ expires, session: newSession({ n: 1 }) }, replacements)
      const before = await stored()
      const session = await store.get('sid')
      assert.equal(session !== null, lives)
      assert.equal(await store.length(), Number(lives))
      assert.equal((await store.all()).length, Number(lives))
      assert.deepEqual(await stored(), before)
      if (!lives) return
      // express-session puts it into the header of a response, which no invalid Date can be.
      assert.ok(session.cookie.expires.getTime() > Date.now())
    },
  )
}

onEmptyCollection('documents nested as deep as MongoDB allows have an answer', async (store) => {
  // MongoDB 6 takes 180 levels; a session may have two less, being inside a document.
  let value = 1
  for (let levels = 1; levels <= 178; levels++) {
    value = levels % 2 ? [value] : { a: value }
    if (levels < 99) continue
    const _id = `sid${levels}`
    await sessions.insertOne({ _id, session: { cookie: {}, value } }).catch(() => {})
    const before = await stored(_id)
    const answer = await store.get(_id).catch((error) => error)
    if (answer instanceof Error) assert.equal(answer.code, 'ERR_STORE_SERIALIZATION')
    else assert.deepEqual(answer?.value, before && value)
    assert.deepEqual(await stored(_id), before)
  }
})

onEmptyCollection(
  'a document that makes MongoDB quote no UTF-8 harms no other save',
  async (store) => {
    const sids = ['a', 'b', 'c', 'd']
    for (const key of ['plain', 'a.b']) {
      await sessions.deleteMany({})
      await Promise.all(sids.map((sid) => store.set(sid, newSession())))
      const loaded = await Promise.all(sids.map((sid) => load(store, sid)))
      await sessions.deleteOne({ _id: 'b' })
      await insert({ _id: 'b', session: 'a????b' }, INVALID)
      const before = await stored('b')
      // The first one leaves at once, the others together.
      for (const session of loaded) session[key] = 1
      const saves = loaded.map((session) => store.set(session.id, session))
      const outcomes = await Promise.allSettled(saves)
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
      )
      assert.equal(outcomes[1].reason.code, 'ERR_STORE_SERVER')
      for (const sid of ['a', 'c', 'd']) assert.equal((await store.get(sid))[key], 1)
      assert.deepEqual(await stored('b'), before)
    }
    await until(async () => (await store.get('b')) === null)
  },
)
