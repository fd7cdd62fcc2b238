// What TypeScript accepts and refuses in an ES module. Nothing here is run.
import session, { type SessionData, type Store } from 'express-session'
import DefaultStore, {
  MongoSessionStore,
  MongoSessionStoreError,
  type Callback,
  type MongoSessionStoreEntry,
  type MongoSessionStoreErrorCode,
  type MongoSessionStoreEvents,
  type MongoSessionStoreFilter,
  type MongoSessionStoreOptions,
  type MongoSessionStoreStats,
} from 'mongodb-session-store'

/** Compiles only for two types that are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never
function same<A, B>(_: Same<A, B>): void {}

// The default export is the class, which is a store of express-session.
same<typeof DefaultStore, typeof MongoSessionStore>(true)
const store: Store = new MongoSessionStore()
session({ secret: 'secret', store: new DefaultStore({}) })

// What a store has done, by names that are known and numbers that are there.
const stats: MongoSessionStoreStats = new MongoSessionStore().stats()
same<typeof stats.calls.get.succeeded, number>(true)
same<typeof stats.roundTrip, number | null>(true)
// @ts-expect-error There is no such method.
stats.calls.getAll

// Every documented option, alone and together.
const options: MongoSessionStoreOptions = {
  uri: 'mongodb://localhost/express_sessions',
  collection: 'sessions',
  ttl: 86_400_000,
  prefix: 'app:',
  createTTLIndex: true,
  operationTimeout: 10_000,
  save: 'replace',
  deleteFlags: true,
  deleteGrace: 3_600_000,
  hashIds: true,
  transformId: (sid) => sid.toUpperCase(),
  touchOnGet: true,
  fallbackMemory: true,
  userId: (data) => data.cookie.path,
  indexes: { path: (data) => data.cookie.path },
  maxPerUser: 3,
  whenFull: 'refuse',
  countsAsActivity: (req) => req.path !== '/poll',
  assurance: 1,
  device: ({ cookie }) => ({ path: cookie.path }),
  encryption: { keys: [new Uint8Array(32), 'a passphrase'], acceptUnencrypted: false },
  stringify: true,
  serialize: (data) => JSON.stringify(data),
  unserialize: (stored: string) => JSON.parse(stored),
  cryptoAdapter: { encrypt: async (text) => text, decrypt: (text) => text },
  fields: { id: 'sid', session: 'data', expires: 'until', deleted: 'gone' },
  expireAfter: 60_000,
  timestamps: true,
  touchAfter: 60_000,
  absoluteTimeout: 86_400_000,
  previousStore: new session.MemoryStore(),
}
new MongoSessionStore(options)
new MongoSessionStore({ previousStore: store })
new MongoSessionStore({ ttl: (data) => data.cookie.originalMaxAge ?? 60_000 })

// What is undefined is not given.
new MongoSessionStore({
  uri: process.env.MONGODB_URI,
  userId: undefined,
  writeConcern: undefined,
  fields: { id: undefined },
  encryption: undefined,
})
// @ts-expect-error null is no option
new MongoSessionStore({ uri: null })

// Options of the driver may come in its own type, which is an interface.
interface DriverOptions {
  appName?: string
  writeConcern?: { w?: number | string; wtimeout?: number }
}
declare const driverOptions: DriverOptions
new MongoSessionStore({ driverOptions, writeConcern: { w: 'majority', wtimeout: 500 } })
new MongoSessionStore({ writeConcern: { w: 1, journal: true, wtimeoutMS: 500 } })
// @ts-expect-error a concern that does not exist
new MongoSessionStore({ writeConcern: { timeout: 500 } })

// What is stored may be of any type that has fields.
declare const record: Record<string, unknown>
declare const stored: { cookie: string; data: object } | string
new MongoSessionStore({ serialize: ({ cookie, ...rest }) => ({ cookie, rest }) })
new MongoSessionStore({ serialize: (data) => data })
new MongoSessionStore({ serialize: () => record })
new MongoSessionStore({ serialize: () => stored })
new MongoSessionStore({ serialize: (data): object => data })

// @ts-expect-error an option that does not exist
new MongoSessionStore({ url: 'mongodb://localhost' })
// @ts-expect-error a misspelt option
new MongoSessionStore({ createTtlIndex: true })
// @ts-expect-error a lifetime in words
new MongoSessionStore({ ttl: '1 day' })
// @ts-expect-error a lifetime that is to come
new MongoSessionStore({ ttl: async () => 60_000 })
// @ts-expect-error an id that is to come
new MongoSessionStore({ transformId: async (sid: string) => sid })
// @ts-expect-error a session that is to come
new MongoSessionStore({ serialize: async (data) => ({ ...data }) })
// @ts-expect-error a text that is to come
new MongoSessionStore({ serialize: (data) => Promise.resolve(JSON.stringify(data)) })
// @ts-expect-error a session that is to come back
new MongoSessionStore({ unserialize: async (stored) => stored })
// @ts-expect-error a store that destroys nothing
new MongoSessionStore({ previousStore: { get: (_sid, callback) => callback(null) } })
// @ts-expect-error a way to save that does not exist
new MongoSessionStore({ save: 'never' })
// @ts-expect-error a key alone
new MongoSessionStore({ encryption: { keys: 'a passphrase' } })
// @ts-expect-error no keys
new MongoSessionStore({ encryption: { acceptUnencrypted: true } })
// @ts-expect-error the connection string alone
new MongoSessionStore('mongodb://localhost/express_sessions')

export async function promises(store: MongoSessionStore, data: SessionData) {
  same<Awaited<ReturnType<typeof store.close>>, void>(true)
  const found = await store.get('sid')
  same<typeof found, SessionData | null>(true)
  const all = await store.all()
  same<typeof all, SessionData[]>(true)
  const count = await store.length()
  same<typeof count, number>(true)
  const flagged: number[] = [await store.flagDeletion('sid'), await store.flagDeletion(null)]
  const removed: number = await store.cleanup()
  const done: void[] = [
    await store.set('sid', data),
    await store.touch('sid', data),
    await store.destroy('sid'),
    await store.clear(),
    await store.close(),
  ]
  // @ts-expect-error there may be no such session
  found.cookie
  // @ts-expect-error an id that is not a string
  await store.get({ $ne: null })
  // @ts-expect-error a session without a cookie
  await store.set('sid', { user: 'ada' })
  // @ts-expect-error all sessions are flagged by a null alone
  await store.flagDeletion()
  return { done, flagged, removed }
}

export async function lists(store: MongoSessionStore) {
  const entries: MongoSessionStoreEntry[] = [
    ...(await store.entries()),
    ...(await store.find({ 'user.role': 'admin', at: { $gt: new Date() }, n: [1, 2] })),
    ...(await store.sessionsOf('ada')),
    ...(await store.sessionsOf(17)),
    ...(await store.find({ handle: (await store.devices('ada', { current: 'sid' }))[0]?.handle })),
  ]
  for await (const { sid, session, expires } of store.scan()) {
    same<typeof sid, string>(true)
    same<typeof session, SessionData>(true)
    same<typeof expires, Date | null>(true)
  }
  const filter: MongoSessionStoreFilter = { user: 'ada' }
  for await (const entry of store.scan({ filter })) entries.push(entry)
  const part = await store.find(filter, { limit: 5, sort: { expires: -1 } })
  same<typeof part.next, string | undefined>(true)
  for await (const { user, sessions, expires } of store.users({ after: 'ada', limit: 5 })) {
    console.log(user.length + sessions, expires?.getTime())
  }
  const tenants = new MongoSessionStore({
    indexes: { tenant: ({ cookie }) => cookie.path, plan: () => null, seats: () => 5 },
  })
  await tenants.find({ tenant: 'acme' }, { limit: 5, after: part.next, sort: { tenant: 1 } })
  // @ts-expect-error no name of an index
  await tenants.find({ tenant: 'acme' }, { sort: { user: 1 } })
  // @ts-expect-error what cannot be looked for
  new MongoSessionStore({ indexes: { tenant: () => ({}) } })
  // @ts-expect-error a value that is to come
  new MongoSessionStore({ indexes: { tenant: async () => 'acme' } })
  const ids: string[] = await store.ids()
  const counts: number[] = [
    await store.destroyMany(filter),
    await store.count(filter),
    await store.count(filter, { limit: 5 }),
    await store.destroyByUser('ada'),
    await store.destroyByUser('ada', { except: 'sid' }),
    await store.destroyByUser('ada', { except: undefined }),
  ]
  store.ids((error, ids) => console.log(error, ids?.length))
  store.entries((error, entries) => console.log(error, entries?.[0]?.session.cookie.path))
  store.find(filter, (error, entries) => console.log(error, entries?.length))
  store.find(filter, { limit: 5 }, (error, entries) => console.log(error, entries?.next))
  store.count(filter, (error, count) => console.log(error, count?.toFixed()))
  store.sessionsOf('ada', (error, entries) => console.log(error, entries?.length))
  store.destroyMany(filter, (error, destroyed) => console.log(error, destroyed?.toFixed()))
  store.destroyByUser('ada', (error, destroyed) => console.log(error, destroyed?.toFixed()))
  store.destroyByUser('ada', { except: 'sid' }, (error, destroyed) => console.log(error, destroyed))
  // @ts-expect-error a filter there has to be
  await store.find()
  // @ts-expect-error a user there has to be
  await store.destroyByUser()
  // @ts-expect-error an option that does not exist
  store.scan({ where: filter })
  // @ts-expect-error a user who is a number
  new MongoSessionStore({ userId: () => true })
  await store.update('sid', (session) => void (session.cookie.path = '/'))
  store.take('sid', 'token', (error, token) => console.log(error, token))
  store.authenticated((await store.get('sid'))!)
  store.on('reuse', (sid) => console.log(sid.length))
  store.on('revoked', ({ id, handle }) => console.log(id === store.idOf('sid'), handle?.length))
  store.once('expired', ({ id }) => id.length)
  await store.renew({ session: (await store.get('sid'))!, sessionID: 'sid' }, { grace: 5 })
  store.isFresh(await store.get('sid'), 60_000)
  new MongoSessionStore({ absoluteTimeout: () => Infinity, maxPerUser: () => 1 })
  return { entries, ids, counts }
}

export function callbacks(store: MongoSessionStore, data: SessionData) {
  const done: Callback = (error) => console.error(error)
  store.get('sid', (error, session) => console.log(error, session?.cookie.path))
  store.set('sid', data, done)
  store.touch('sid', data, done)
  store.destroy('sid', done)
  store.all((error, sessions) =>
    console.log(
      error,
      sessions?.map(({ cookie }) => cookie.expires),
    ),
  )
  store.length((error, length) => console.log(error, length?.toFixed()))
  store.clear(done)
  store.flagDeletion('sid', (error, flagged) => console.log(error, flagged?.toFixed()))
  store.cleanup((error, removed) => console.log(error, removed?.toFixed()))
  store.close(done)
  // As express-session calls them.
  const optional: Callback | undefined = undefined
  store.destroy('sid', optional)
  // @ts-expect-error a callback that is something else
  store.destroy('sid', 'done')
}

export function events(store: MongoSessionStore) {
  store
    .on('info', (message) => message.toUpperCase())
    .on('error', (error) => error.code.toUpperCase())
    .on('warning', ({ mongoCode, mongoCodeName }) => console.warn(mongoCode, mongoCodeName))
    .once('discard', (sid) => sid.length)
    .on('create', (sid) => sid.length)
    .on('update', (sid) => sid.length)
    .on('set', (sid, session) => console.log(sid.length, session.cookie.path))
    .on('touch', (sid, session) => console.log(sid.length, session.cookie.path))
    .on('destroy', (sid) => sid.length)
    .on('get', (sid, session) => console.log(sid.length, session?.cookie.path))
    .on('all', (sessions) => sessions.length)
    .on('error', function (error: any) {
      console.error(error)
    })
    .on('info', console.log)
  same<MongoSessionStoreEvents['error'], [error: MongoSessionStoreError]>(true)
}

export function fields({
  collectionName,
  prefix,
  ttl,
  createTTLIndex,
  connected,
}: MongoSessionStore) {
  same<typeof collectionName, string>(true)
  same<typeof prefix, string>(true)
  same<typeof ttl, number | ((session: SessionData) => number)>(true)
  same<typeof createTTLIndex, boolean>(true)
  same<typeof connected, boolean>(true)
}

export function errors(store: MongoSessionStore, error: unknown) {
  // @ts-expect-error a field that only tells
  store.prefix = 'other:'
  // @ts-expect-error a field that only tells
  store.connected = true
  if (error instanceof MongoSessionStoreError) {
    same<typeof error.code, MongoSessionStoreErrorCode>(true)
    // @ts-expect-error a code that no error has
    console.log(error.code === 'ERR_STORE_NONE')
  }
}

/** The class can be extended. */
export class AuditedStore extends MongoSessionStore {
  override destroy(sid: string): Promise<void>
  override destroy(sid: string, callback: Callback | undefined): void
  override destroy(sid: string, callback?: Callback): Promise<void> | void {
    console.log('a session was destroyed')
    return callback ? super.destroy(sid, callback) : super.destroy(sid)
  }
}
export { store }

// As koa-session calls it, with sessions that have no cookie.
export const koa = async (ctx: object): Promise<SessionData | null> => {
  await new MongoSessionStore().set('sid', { user: 'ada' }, 60_000, { ctx })
  await new MongoSessionStore().destroy('sid', { ctx })
  return new MongoSessionStore().get('sid', 'session', { ctx })
}
// @ts-expect-error Without a lifetime it has to be a session.
void new MongoSessionStore().set('sid', { user: 'ada' })
