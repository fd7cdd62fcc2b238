// A browser whose session nobody else has: every answer is known beforehand.
import { setTimeout as sleep } from 'node:timers/promises'
import { Model, shown } from './model.mjs'
import { Held, dataOf, expiresOf } from './session-client.mjs'

const VERBS = {
  view: 40,
  touch: 15,
  parallel: 8,
  burst: 6,
  replace: 4,
  logout: 4,
  ghost: 6,
  length: 1,
}

/** Some that are paths in an update, and some that are not. */
const KEYS = ['user', 'cart', 'theme', 'x.y', '$z', '']

/** One in so many visitors has a large session. */
const LARGE_ONE_IN = 8

export class Visitor {
  #client
  #random
  #retire
  #retired
  #log = []
  #logins = 0
  #isLagging

  /** `retired` are sids that are over, of all visitors of the process, which `retire` adds to. */
  constructor({ name, client, random, retire, retired, isLagging }) {
    this.name = name
    this.#client = client
    this.#random = random
    this.#retire = retire
    this.#retired = retired
    this.#isLagging = isLagging
    const [least, most] = random.below(LARGE_ONE_IN) === 0 ? [18_000, 22_000] : [0, 2000]
    this.payload = 'é'.concat('x'.repeat(random.between(least, most)))
  }

  /** Visits until `signal` is aborted. */
  async run(signal) {
    await this.#login()
    while (!signal.aborted) {
      const failed = await this[`_${this.#random.weighted(VERBS)}`]()
      // After a failure an application waits a little before it asks again.
      await sleep(failed ? this.#random.between(20, 200) : this.#random.between(0, 8))
    }
  }

  /** Reads the session until that succeeds, and answers what there is in the end. */
  async end() {
    while ((await this.#get()).error) await sleep(100)
    // A member that is behind may have answered.
    const isKnown = !this.#isLagging || this.#model.ghosts.length === 0
    return { sid: this.sid, text: isKnown ? shown(this.#model.states[0]) : undefined }
  }

  #model

  async #login() {
    this.sid = `${this.name}-${++this.#logins}`
    this.#model = new Model({ isLagging: this.#isLagging })
    this.#log = []
    const data = { payload: this.payload, since: new Date(), user: this.#value() }
    const save = () => {
      const held = Held.generate(this.#client, this.sid)
      Object.assign(held.session, data)
      return held.save()
    }
    // A first save that failed may be in all the same, so that its Session creates nothing any more: who
    // logs in anew gets another one.
    while (await this.#settle([save()])) await sleep(this.#random.between(20, 200))
  }

  /** Reads and saves, as most requests do. */
  async _view() {
    const held = await this.#load()
    if (held === undefined) return true
    this.#change(held)
    return this.#settle([held.save()])
  }

  async _touch() {
    const held = await this.#load()
    return held === undefined || this.#settle([held.touch()])
  }

  /** Two requests at the same time that change different keys. */
  async _parallel() {
    const reads = [this.#read(), this.#read()]
    await this.#settle(reads)
    const found = await Promise.all(reads.map(({ outcome }) => outcome))
    if (!found.every(({ value }) => value)) return this.#goneOrFailed()
    const [one, other] = found.map(({ value }) => Held.load(this.#client, this.sid, value))
    if (this.#random.chance(0.5)) return this.#settle([one.save(), other.touch()])
    one.session.cart = this.#value()
    other.session.theme = this.#value()
    return this.#settle([one.save(), other.save(), this.#read()])
  }

  /** A request that saves several times and does not wait. */
  async _burst() {
    const held = await this.#load()
    if (held === undefined) return true
    const calls = []
    for (let save = 0; save < 3; save++) {
      this.#change(held)
      calls.push(held.save(), this.#read())
    }
    return this.#settle(calls)
  }

  /** A plain object that an application sets, whatever there is. */
  async _replace() {
    const expires = this.#client.expires()
    const data = { payload: this.payload, user: this.#value() }
    const session = { cookie: { originalMaxAge: 1000, _expires: new Date(expires) }, ...data }
    const outcome = this.#client.call('set', [this.sid, session])
    return this.#settle([{ write: { verb: 'create', expires, data }, outcome }])
  }

  /** Ends the session while and after a slow request holds it. */
  async _logout() {
    const held = await this.#load()
    if (held === undefined) return true
    this.#change(held)
    const destroy = {
      write: { verb: 'destroy' },
      outcome: this.#client.call('destroy', [this.sid]),
    }
    const calls = this.#random.chance(0.3) ? [destroy, held.save(), this.#read()] : [destroy]
    if (await this.#settle(calls)) return true
    await this.#settle([held.save(), held.touch(), this.#read()])
    return this.#start()
  }

  /** A look at a session that is over. */
  async _ghost() {
    if (this.#retired.length === 0) return false
    const { sid, allowance } = this.#random.pick(this.#retired)
    const { value, error } = await this.#client.call('get', [sid])
    if (value) {
      const kind = allowance === 'late' ? 'late' : 'wrong'
      this.#client.report(kind, `the destroyed session ${sid} is back`)
    }
    return error !== undefined
  }

  async _length() {
    const { value, error } = await this.#client.call('length', [])
    if (error === undefined && !Number.isInteger(value)) {
      this.#client.report('wrong', `length answered ${value}`)
    }
    return error !== undefined
  }

  #value() {
    return this.#client.value()
  }

  #change({ session }) {
    const key = this.#random.pick(KEYS)
    if (this.#random.chance(0.2)) delete session[key]
    else session[key] = this.#value()
  }

  #read() {
    return { outcome: this.#client.call('get', [this.sid]) }
  }

  async #get() {
    const read = this.#read()
    await this.#settle([read])
    return read.outcome
  }

  async #load() {
    const { value } = await this.#get()
    if (value) return Held.load(this.#client, this.sid, value)
    await this.#goneOrFailed()
    return undefined
  }

  /** After a read without a session: a destroy that failed has worked, or the read has failed. */
  async #goneOrFailed() {
    const { states } = this.#model
    if (states.length === 1 && states[0] === null) await this.#start()
    return true
  }

  /** Leaves a session that is over, and begins another one. */
  async #start() {
    const creates = this.#model.ghosts.filter(({ write }) => write.verb === 'create')
    const isOpen = creates.some(({ isOver }) => !isOver)
    const allowance = isOpen ? 'open' : creates.length > 0 ? 'late' : 'none'
    this.#retire({ sid: this.sid, allowance })
    await this.#login()
    return false
  }

  /** Tells the model how calls ended, in the order in which they were made; whether one failed. */
  async #settle(calls) {
    let failed = false
    const outcomes = await Promise.all(calls.map(({ outcome }) => outcome))
    for (const [index, { write }] of calls.entries()) {
      const { value, error } = outcomes[index]
      const text = write === undefined && error === undefined ? textOf(value) : undefined
      this.#note(write, error, text)
      failed ||= error !== undefined
      if (text !== undefined) this.#judge(text)
      else if (write !== undefined && error === undefined) this.#model.acknowledged(write)
      else if (write !== undefined) this.#model.failed(write)
    }
    return failed
  }

  #judge(text) {
    const expected = String(this.#model)
    const verdict = this.#model.found(text)
    if (verdict === undefined) return
    this.#client.report(
      verdict,
      `session ${this.sid}: found ${text}, ${expected}\n      ${this.#log.join('\n      ')}`,
    )
    // From here on, what was found is the truth.
    if (verdict !== 'wrong') return
    this.#model = new Model({ isLagging: this.#isLagging })
    this.#model.states = [parse(text)]
  }

  /** Keeps the last calls for the report of a violation. */
  #note(write, error, text) {
    const what = write ? JSON.stringify(write) : `get → ${text}`
    this.#log.push(`${new Date().toISOString()} ${what} ${error?.code ?? ''}`)
    if (this.#log.length > 20) this.#log.shift()
  }
}

function textOf(session) {
  if (session === null) return shown(null)
  const expires = expiresOf(session)
  return shown({ expires, cookie: expires, data: dataOf(session) })
}

function parse(text) {
  if (text === shown(null)) return null
  const [expires, entries] = JSON.parse(text)
  return { expires, cookie: expires, data: Object.fromEntries(entries) }
}
