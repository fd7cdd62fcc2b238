// What may be read from sessions that several processes write to at the same time. Pure.
//
// Every value is written once, so that what is read tells which write it came from. A write counts
// from its call until its acknowledgement; those that overlap took effect in any order. Moments are
// of the clock that all processes of a machine share.

/** Collects what the processes did, and judges each read once all that came before it is known. */
export class SharedModel {
  #sessions = new Map()
  #reads = []

  /** Takes an event: `{ verb, sid, call, end, acknowledged, ... }`; see `#write`. */
  add(event) {
    if (event.verb === 'get') this.#reads.push(event)
    else this.#write(event)
  }

  /** The verdicts on all reads that ended before `moment`, up to which every event is known. */
  judge(moment) {
    const ready = this.#reads.filter(({ end }) => end < moment)
    this.#reads = this.#reads.filter(({ end }) => end >= moment)
    const verdicts = ready.flatMap((read) => this.#judge(read) ?? [])
    for (const [sid, session] of this.#sessions) {
      if (session.destroys.some(({ acked }) => acked < moment - 60e9)) this.#sessions.delete(sid)
    }
    return verdicts
  }

  #session(sid) {
    let session = this.#sessions.get(sid)
    if (session === undefined) {
      session = { creates: [], destroys: [], writes: new Map() }
      this.#sessions.set(sid, session)
    }
    return session
  }

  /** `create` and `merge` have the `set` keys, with their values. */
  #write({ verb, sid, call, end, acknowledged, set }) {
    const session = this.#session(sid)
    const time = { call, end, acked: acknowledged ? end : Infinity }
    if (verb === 'destroy') session.destroys.push(time)
    if (verb === 'create') session.creates.push(time)
    for (const [key, value] of Object.entries(set ?? {})) {
      if (!session.writes.has(key)) session.writes.set(key, [])
      session.writes.get(key).push({ ...time, value })
    }
  }

  #judge(read) {
    const session = this.#sessions.get(read.sid)
    if (session === undefined) return undefined
    const verdict = read.found === null ? judgeMissing(session, read) : judgeFound(session, read)
    return verdict && [{ ...verdict, sid: read.sid, read }]
  }
}

function judgeMissing({ creates, destroys }, { call, end }) {
  if (!creates.some(({ acked }) => acked < call)) return undefined
  if (destroys.some((destroy) => destroy.call < end)) return undefined
  return { kind: 'wrong', what: 'a session is lost' }
}

function judgeFound({ creates, destroys, writes }, { call, end, found }) {
  const destroyed = destroys.find(({ acked }) => acked < call)
  if (destroyed) {
    // Whoever was told that a session could not be created may see it appear late.
    const kind = creates.every(({ acked }) => acked < destroyed.call) ? 'wrong' : 'late'
    return { kind, what: 'a destroyed session is back' }
  }
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
