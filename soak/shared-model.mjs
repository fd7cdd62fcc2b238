// What may be read from sessions that several processes write to at the same time. Pure.
//
// Every value is written once, so that what is read tells which write it came from. A write counts
// from its call until its acknowledgement; those that overlap took effect in any order. Moments are
// of the clock that all processes of a machine share.

/** How long something that is over counts, in nanoseconds. */
const KEPT_NS = 60e9

/** So many of the last reads of a session are compared with the next one. */
const COMPARED = 100

/** Collects what the processes did, and judges each read once all that came before it is known. */
export class SharedModel {
  #sessions = new Map()
  #reads = []
  /** The log-ins and log-outs everywhere of each user. */
  #users = new Map()
  #maxPerUser

  /** `maxPerUser` is what the stores have been given. */
  constructor({ maxPerUser = Infinity } = {}) {
    this.#maxPerUser = maxPerUser
  }

  /** Takes an event: `{ verb, sid, call, end, acknowledged, ... }`; see `#write`. */
  add(event) {
    const isRead = event.verb === 'get' || event.verb === 'list'
    if (isRead) this.#reads.push(event)
    else this.#write(event)
  }

  /** The verdicts on all reads that ended before `moment`, up to which every event is known. */
  judge(moment) {
    const ready = this.#reads.filter(({ end }) => end < moment)
    this.#reads = this.#reads.filter(({ end }) => end >= moment)
    const verdicts = ready.flatMap((read) => this.#judge(read))
    for (const [sid, session] of this.#sessions) {
      const ends = this.#endsOf(session)
      if (ends.some(({ acked }) => acked < moment - KEPT_NS)) this.#sessions.delete(sid)
    }
    return verdicts
  }

  #session(sid) {
    let session = this.#sessions.get(sid)
    if (session === undefined) {
      session = { creates: [], destroys: [], writes: new Map(), reads: [], seen: Infinity }
      this.#sessions.set(sid, session)
    }
    return session
  }

  #user(name) {
    let user = this.#users.get(name)
    if (user === undefined) this.#users.set(name, (user = { logins: [], everywhere: [] }))
    return user
  }

  /**
   * `create` and `merge` have the `set` keys, with their values. A `create` may be a log-in of a `user`, who
   * is logged out of every session by `everywhere`.
   */
  #write({ verb, sid, call, end, acknowledged, set, user }) {
    const time = { call, end, acked: acknowledged ? end : Infinity }
    if (verb === 'everywhere') return void this.#user(user).everywhere.push(time)
    const session = this.#session(sid)
    if (verb === 'destroy') session.destroys.push(time)
    if (verb === 'create') {
      session.creates.push(time)
      if (user !== undefined) this.#user((session.user = user)).logins.push({ ...time, sid })
    }
    for (const [key, value] of Object.entries(set ?? {})) {
      if (!session.writes.has(key)) session.writes.set(key, [])
      session.writes.get(key).push({ ...time, value })
    }
  }

  #judge(read) {
    if (read.verb === 'list') return this.#judgeList(read)
    const session = this.#sessions.get(read.sid)
    if (session === undefined) return []
    const verdict =
      read.found === null ? this.#judgeMissing(session, read) : this.#judgeFound(session, read)
    return verdict ? [{ ...verdict, sid: read.sid, read }] : []
  }

  /** What ended a session for sure, if it was acknowledged: it was there when that was called. */
  #endsOf({ user, creates, destroys, seen }) {
    if (user === undefined) return destroys
    const isThere = ({ call }) => seen < call || creates.some(({ acked }) => acked < call)
    return [...destroys, ...this.#user(user).everywhere.filter(isThere)]
  }

  #judgeMissing(session, { sid, call, end }) {
    const { creates, destroys, user } = session
    if (!creates.some(({ acked }) => acked < call)) return undefined
    if (destroys.some((destroy) => destroy.call < end)) return undefined
    if (user !== undefined) {
      const { logins, everywhere } = this.#user(user)
      const [{ call: since }] = creates
      if (everywhere.some((other) => other.call < end && other.acked > since)) return undefined
      const newer = logins.filter((login) => {
        return login.sid !== sid && login.call < end && login.acked > since
      })
      if (new Set(newer.map(({ sid }) => sid)).size >= this.#maxPerUser) return undefined
    }
    return { kind: 'wrong', what: 'a session is lost' }
  }

  #judgeFound(session, read) {
    return (
      this.#judgeLiving(session, read) ?? judgeValues(session, read) ?? judgeOrder(session, read)
    )
  }

  #judgeLiving(session, { call, end }) {
    const ended = this.#endsOf(session).find(({ acked }) => acked < call)
    const { creates, seen } = session
    session.seen = Math.min(seen, end)
    if (ended === undefined) return undefined
    // Whoever was told that a session could not be created may see it appear late.
    const isIn = ({ acked }) => acked < (seen < ended.call ? Infinity : ended.call)
    const kind = creates.every(isIn) ? 'wrong' : 'late'
    return { kind, what: 'a destroyed session is back' }
  }

  /** The sessions of a user, as a store lists them. */
  #judgeList(read) {
    const { user, call, end, sids } = read
    const verdicts = sids.flatMap((sid) => {
      const session = this.#sessions.get(sid)
      // One that is not known any more ended long ago.
      const verdict = session
        ? this.#judgeLiving(session, read)
        : { kind: 'wrong', what: 'a forgotten session is listed' }
      return verdict ? [{ ...verdict, sid, read }] : []
    })
    const { logins } = this.#user(user)
    const isUnderWay = (login) => login.call < end && login.acked > call
    const most = this.#maxPerUser + new Set(logins.filter(isUnderWay).map(({ sid }) => sid)).size
    if (sids.length > most) {
      verdicts.push({
        kind: 'wrong',
        what: `${sids.length} sessions of ${user}, not ${most}`,
        read,
      })
    }
    return verdicts
  }
}

function judgeValues({ writes }, { call, end, found }) {
  for (const key of new Set([...Object.keys(found), ...writes.keys()])) {
    const of = (writes.get(key) ?? []).filter((write) => write.call < end)
    const done = of.filter(({ acked }) => acked < call)
    if (!Object.hasOwn(found, key)) {
      if (done.length > 0) return { kind: 'wrong', what: `the key ${key} is lost` }
      continue
    }
    const candidates = of.filter(({ value }) => value === found[key])
    if (candidates.length === 0) {
      return { kind: 'wrong', what: `the key ${key} holds ${found[key]}` }
    }
    const isOver = ({ end }) => done.some((other) => other.call > end)
    if (candidates.every(isOver)) {
      const isLate = candidates.some(({ acked }) => acked === Infinity)
      const what = `the key ${key} holds ${found[key]}, which a later write has replaced`
      return { kind: isLate ? 'late' : 'wrong', what }
    }
  }
  return undefined
}

/** What was written once does not come back after something else has been read in its place. */
function judgeOrder(session, read) {
  const { writes, reads } = session
  const { call, found } = read
  let verdict
  for (const [key, value] of Object.entries(found)) {
    const of = (writes.get(key) ?? []).filter((write) => write.value === value)
    if (of.length !== 1) continue
    const other = reads.findLast((each) => each.found[key] !== value && each.end < call)
    const isBack = ({ end, found }) => found[key] === value && end < other.call
    if (other !== undefined && reads.some(isBack)) {
      const what = `the key ${key} holds ${value} again, after ${other.found[key]} was read`
      verdict = { kind: of[0].acked === Infinity ? 'late' : 'wrong', what }
    }
  }
  reads.push(read)
  if (reads.length > COMPARED) reads.shift()
  return verdict
}
