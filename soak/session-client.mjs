// A store as express-session uses it, with every call measured and told to a model.
import session from 'express-session'

/** How long a call may take beyond operationTimeout before it counts as hanging, in milliseconds. */
const GRACE_MS = 10_000

/** What has its time after each of its parts, and how many these are at most. */
const IN_PARTS = ['destroyByUser', 'cleanup', 'sessionsOf']
const PARTS = 4

const LIFETIME_MS = 86_400_000

/** The calls of one process on its store. `report` takes what must not happen. */
export class SessionClient {
  #lastValue = 0

  constructor({ store, operationTimeout, latencies, standstills, report, name }) {
    Object.assign(this, { store, operationTimeout, latencies, standstills, report, name })
    this.errors = new Map()
    this.discards = 0
    store.on('discard', () => this.discards++)
    for (const event of ['error', 'warning']) {
      store.on(event, (error) => this.#inspect(error, event))
    }
  }

  /** A value that nobody has written before. */
  value() {
    return `${this.name}${++this.#lastValue}`
  }

  /** A lifetime that nobody has used before, so that every save and touch can be told apart. */
  expires() {
    this.lastExpires = Math.max(Date.now() + LIFETIME_MS, (this.lastExpires ?? 0) + 1)
    return this.lastExpires
  }

  /** Calls a method of the store: `{ call, end, value }` or `{ call, end, error }`. */
  async call(verb, args, run = () => this.store[verb](...args)) {
    const epoch = this.latencies.epoch
    const call = now()
    const outcome = await run().then(
      (value) => ({ value }),
      (error) => ({ error }),
    )
    const end = now()
    if (outcome.error) this.#inspect(outcome.error, verb, args[0])
    else if (epoch === this.latencies.epoch) this.latencies.record(verb, (end - call) / 1e3)
    const tookMs = (end - call) / 1e6
    const times = IN_PARTS.includes(verb) ? PARTS : 1
    const mostMs = times * this.operationTimeout + GRACE_MS
    if (tookMs > mostMs && tookMs - this.standstills.among(tookMs) > mostMs) {
      this.report('slow', `${verb} took ${Math.round(tookMs)} ms`)
    }
    return { call, end, ...outcome }
  }

  #inspect(error, verb, sid) {
    this.errors.set(error.code, (this.errors.get(error.code) ?? 0) + 1)
    if (!/^ERR_STORE_[A-Z_]+$/.test(error.code)) {
      this.report('error', `${verb} failed without a code of the store: ${error.stack}`)
    }
    if (sid !== undefined && error.message.includes(sid)) {
      this.report('error', `the message of ${verb} holds the session id`)
    }
  }
}

/**
 * A Session object, and which states it says the stored session may be in: the rules by which the
 * store writes differences, once more and by themselves.
 */
export class Held {
  #client
  #bases
  /** How the first save of a new session ends, and whether it has. */
  #first

  constructor(client, session, bases) {
    this.#client = client
    this.session = session
    this.#bases = bases
  }

  /** A new session, as the middleware makes it. */
  static generate(client, sid) {
    const req = { sessionID: sid, sessionStore: client.store }
    req.session = new session.Session(req)
    req.session.cookie = new session.Cookie()
    req.session.cookie.originalMaxAge = LIFETIME_MS
    return new Held(client, req.session, undefined)
  }

  /** The session of what `get` has found, as the middleware makes it. */
  static load(client, sid, found) {
    const req = { sessionID: sid, sessionStore: client.store }
    client.store.createSession(req, found)
    return new Held(client, req.session, [dataOf(req.session)])
  }

  /** Saves the session; `{ write, outcome }`, where the write is one of the model's. */
  save() {
    const expires = this.#client.expires()
    this.session.cookie._expires = new Date(expires)
    const data = dataOf(this.session)
    const write = this.#bases
      ? { verb: 'merge', expires, ...difference(this.#bases, data) }
      : { verb: 'create', expires, data }
    const before = this.#first
    this.#bases?.push(data)
    const sid = this.session.id
    const outcome = this.#client
      .call('set', [sid], () => saved(this.session))
      .then(async (outcome) => {
        if (outcome.error === undefined) this.#wasSaved(data)
        // One that did not wait for the first creates nothing if that one has.
        const isLater = write.verb === 'create' && before !== undefined
        if (isLater && (await before).error === undefined) write.verb = 'merge'
        return outcome
      })
    this.#first ??= outcome
    return { write, outcome }
  }

  touch() {
    const expires = this.#client.expires()
    this.session.cookie._expires = new Date(expires)
    const outcome = this.#client.call('touch', [this.session.id, this.session])
    return { write: { verb: 'touch', expires }, outcome }
  }

  #wasSaved(data) {
    // Of a new session, saves that nobody waits for are not among them.
    if (!this.#bases?.includes(data)) this.#bases = [data]
    else this.#bases = this.#bases.slice(this.#bases.indexOf(data))
  }
}

/** The keys beside the cookie. */
export function dataOf({ cookie: _cookie, ...data }) {
  return data
}

/** The moment until which a session lives that `get` has found. */
export function expiresOf({ cookie }) {
  return cookie.expires.getTime()
}

function difference(bases, data) {
  const differs = ([key, value]) => bases.some((base) => base[key] !== value)
  const gone = new Set(bases.flatMap(Object.keys).filter((key) => !Object.hasOwn(data, key)))
  return { set: Object.fromEntries(Object.entries(data).filter(differs)), unset: [...gone] }
}

function saved(session) {
  return new Promise((resolve, reject) => {
    session.save((error) => (error ? reject(error) : resolve()))
  })
}

/** The monotonic clock of the machine in nanoseconds, the same in every process. */
export function now() {
  return Number(process.hrtime.bigint())
}
