// Requests of one process that log in to accounts and out of them, while others do so, too.
import { setTimeout as sleep } from 'node:timers/promises'
import { Held } from './session-client.mjs'

/** The user of a session, by keys that go together. */
export const userId = ({ impersonated, account }) => impersonated ?? account

/** What a browser does that stays with the account it has logged in to. */
const FAITHFUL = {
  view: 40,
  pair: 10,
  seat: 10,
  list: 10,
  everywhere: 4,
  logout: 5,
  flag: 3,
  cleanup: 1,
}

/** Accounts of those, and of the browsers that change theirs. */
const ACCOUNTS = ['account-1', 'account-2', 'account-3']
/** The one whose log-ins do not wait, and who is logged out everywhere all the time. */
const RUSHED = 'account-rushed'
const CHANGED = ['changed-1', 'changed-2', 'changed-3']

/** Only one session at a time may have each: an index of the application says so. */
export const SEATS = ['seat-1', 'seat-2', 'seat-3', 'seat-4']

/** The browsers of one process. */
export class AccountLanes {
  #client
  #random
  #log
  #count = 0

  constructor({ client, random, log }) {
    this.#client = client
    this.#random = random
    this.#log = log
  }

  /** Some of `lanes` stay with their account, some change it, and some do not wait. */
  async run(lanes, signal) {
    if (lanes === 0) return
    const works = [() => this.#stay(signal), () => this.#change(signal), () => this.#rush(signal)]
    const all = Array.from({ length: lanes }, (_, index) => works[index % works.length]())
    await Promise.all([...all, this.#sweep(signal)])
  }

  async #rush(signal) {
    while (!signal.aborted) {
      const browser = await this.#login(RUSHED, 1)
      if (browser !== undefined) await this.#load(browser)
    }
  }

  async #sweep(signal) {
    while (!signal.aborted) {
      // Who is in the list is there, whatever they have been told.
      const { value } = await this._list({ user: RUSHED })
      if (value?.length > 0) await this.#everywhere(RUSHED)
      await sleep(this.#random.between(0, 30))
    }
  }

  async #stay(signal) {
    while (!signal.aborted) {
      const browser = await this.#login(this.#random.pick(ACCOUNTS))
      while (browser !== undefined && !browser.isOver && !signal.aborted) {
        await this[`_${this.#random.weighted(FAITHFUL)}`](browser)
        await sleep(this.#random.between(0, 20))
      }
    }
  }

  /** Logs in under a new session, and at times does not wait for the first save. */
  async #login(user, chance = 0.3) {
    const sid = `account-${this.#client.name}${++this.#count}`
    const held = this.#generate(sid, { account: user })
    const saves = [held.save()]
    if (this.#random.chance(chance)) {
      await sleep(this.#random.between(0, 3))
      held.session.second = this.#client.value()
      saves.push(held.save())
    }
    const ended = await Promise.all(saves.map((save) => this.#take(save, { sid, user })))
    const isIn = ended.every(({ error }) => error === undefined)
    if (!isIn) await sleep(this.#random.between(20, 200))
    return isIn ? { sid, user } : undefined
  }

  #generate(sid, data) {
    const held = Held.generate(this.#client, sid)
    Object.assign(held.session, data, { first: this.#client.value() })
    return held
  }

  /** Tells of a save what it was when it had ended. */
  #take({ write, outcome }, event) {
    return this.#log.take(() => ({ ...write, ...event }), outcome)
  }

  async _view(browser) {
    const held = await this.#load(browser)
    if (held === undefined) return
    held.session.first = this.#client.value()
    await this.#take(held.save(), { sid: browser.sid })
  }

  /** Two requests at once that change different keys. */
  async _pair(browser) {
    const [one, other] = await Promise.all([this.#load(browser), this.#load(browser)])
    if (one === undefined || other === undefined) return
    one.session.first = this.#client.value()
    other.session.second = this.#client.value()
    const saves = [one.save(), other.save()]
    await Promise.all(saves.map((save) => this.#take(save, { sid: browser.sid })))
  }

  /** A save that an index of the application may refuse, and then writes nothing. */
  async _seat(browser) {
    const held = await this.#load(browser)
    if (held === undefined) return
    held.session.seat = this.#random.pick(SEATS)
    const { write, outcome } = held.save()
    const event = ({ error }) => {
      if (error?.mongoCode !== 11_000) return { ...write, sid: browser.sid }
      if (error.code !== 'ERR_STORE_SERVER' || !error.message.includes('one seat')) {
        this.#client.report('error', `a taken seat is told as ${error.code}: ${error.message}`)
      }
    }
    await this.#log.take(event, outcome)
  }

  _list({ user }) {
    const listed = this.#client.call('sessionsOf', [user])
    return this.#log.take({ verb: 'list', user }, listed)
  }

  _everywhere() {
    return this.#everywhere(this.#random.pick(ACCOUNTS))
  }

  async #everywhere(user) {
    const ended = this.#client.call('destroyByUser', [user])
    await this.#log.take({ verb: 'everywhere', user }, ended)
  }

  _logout(browser) {
    return this.#end('destroy', browser)
  }

  _flag(browser) {
    return this.#end('flagDeletion', browser)
  }

  async #end(verb, browser) {
    const { sid } = browser
    await this.#log.take({ verb: 'destroy', sid }, this.#client.call(verb, [sid]))
    await this.#load(browser)
    browser.isOver = true
  }

  async _cleanup() {
    await this.#client.call('cleanup', [])
  }

  async #load(browser) {
    const { sid } = browser
    const { value, error } = await this.#log.take(
      { verb: 'get', sid },
      this.#client.call('get', [sid]),
    )
    if (error !== undefined) await sleep(this.#random.between(20, 200))
    if (value) return Held.load(this.#client, sid, value)
    // Ended elsewhere, or by one log-in too many.
    if (error === undefined) browser.isOver = true
    return undefined
  }

  /**
   * Sessions of which two requests at a time change the account, the one it stands for and other things. As
   * nobody else saves them, it is known afterwards whose they are.
   */
  async #change(signal) {
    while (!signal.aborted) {
      const sid = `change-${this.#client.name}${++this.#count}`
      const held = this.#generate(sid, { account: this.#random.pick(CHANGED) })
      let isKnown = (await held.save().outcome).error === undefined
      while (isKnown && !signal.aborted) isKnown = await this.#round(sid)
      await sleep(this.#random.between(0, 50))
    }
  }

  /** Whether the session is still there, and known. */
  async #round(sid) {
    const reads = await Promise.all([0, 1].map(() => this.#client.call('get', [sid])))
    if (!reads.every(({ value }) => value)) return false
    const requests = reads.map(({ value }) => Held.load(this.#client, sid, value))
    for (const { session } of requests) this.#changeUser(session)
    const saves = await Promise.all(requests.map((held) => held.save().outcome))
    if (saves.some(({ error }) => error)) return false
    return this.#check(sid)
  }

  #changeUser(session) {
    const random = this.#random
    const user = () => random.pick(CHANGED)
    const changes = {
      out: () => delete session.account,
      other: () => (session.account = user()),
      as: () => (session.impersonated = user()),
      notAs: () => delete session.impersonated,
      nothing: () => {},
    }
    changes[random.weighted({ out: 3, other: 3, as: 2, notAs: 2, nothing: 3 })]()
    if (random.chance(0.5)) session[random.pick(['first', '$x'])] = this.#client.value()
  }

  /** The lists of all users agree with the session, and who is logged out everywhere is. */
  async #check(sid) {
    const { value } = await this.#client.call('get', [sid])
    if (!value) return false
    const user = userId(value)
    const lists = await Promise.all(CHANGED.map((name) => this.#client.call('sessionsOf', [name])))
    if (lists.some(({ error }) => error)) return false
    const owners = CHANGED.filter((_, index) => lists[index].value.some((each) => each.sid === sid))
    const others = owners.filter((name) => name !== user)
    if (others.length > 0) this.#wrong(`${sid} is of ${user} and in the list of ${others}`)
    if (user === undefined) return true
    // Ended meanwhile by others, it is in none.
    const isMissing = owners.length === 0
    if (isMissing && (await this.#client.call('get', [sid])).value) {
      this.#wrong(`${sid} is of ${user} and in no list`)
    }
    if (!this.#random.chance(0.2)) return !isMissing
    const { error } = await this.#client.call('destroyByUser', [user])
    if (error) return false
    if ((await this.#client.call('get', [sid])).value) {
      this.#wrong(`${sid} lives on after its user ${user} was logged out everywhere`)
    }
    return false
  }

  #wrong(what) {
    this.#client.report('wrong', what)
  }
}
