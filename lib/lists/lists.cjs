'use strict'
// The lists of a store: who asks for their pages, and what `close` waits for.

const { PromiseCall } = require('../calls/call.cjs')
const { graceMs, timeout } = require('../calls/deadline.cjs')
const { renamed } = require('../error.cjs')
const { clearTimeout, setTimeout } = require('../native/timers.cjs')
const { List, collect, walk } = require('./pages.cjs')
const { partOf } = require('./place.cjs')
const { readUsers, walkUsers } = require('./logged-in.cjs')

/** The lists of a store: what asks for their pages, and whatever else closing has to wait for. */
class Lists {
  #channel
  #read
  /** Those that are being put together, of which more pages will be asked for, and what is held. */
  #unfinished = new Set()

  /** `read` makes the session of slots, a position and a verb, or a promise of it. */
  constructor(channel, read) {
    this.#channel = channel
    this.#read = read
  }

  /** Answers a call with a list. `choose` says what is in it, `give` answers it. */
  collect(call, choose, give) {
    let list
    try {
      list = new List(choose())
    } catch (error) {
      return call.refuse(error)
    }
    const { trace } = call
    const pageCall = () => Object.assign(new PromiseCall(), { trace })
    const readPage = (place) => this.#page(pageCall(), list, place)
    const listed = { part: list.part, first: list.part.first(this.#channel.native.prefix) }
    // The others have so much time for each page.
    const collected = list.sessionsOnly
      ? this.#inTime(list, listed, readPage)
      : collect(listed, readPage)
    this.#unfinished.add(collected)
    collected
      .finally(() => this.#unfinished.delete(collected))
      // The addon knows them as the sessions of a user.
      .then(give, (error) => call.fail(renamed(error, 'sessionsOf', list.operation)))
  }

  /** Has closing wait for a promise, which is never rejected. */
  hold(promise) {
    this.#unfinished.add(promise)
    promise.then(() => this.#unfinished.delete(promise))
  }

  /** The entries one by one. `open` answers a call for the next page, or undefined if it has failed. */
  async *walk(options, open) {
    const { filter, part } = partOf('scan', options, ['filter'])
    const list = new List({ filter, method: 'scan', part })
    const first = part.first(this.#channel.native.prefix)
    yield* walk({ part, first }, (place) => {
      const { call, accepted } = open()
      return accepted ? this.#page(call, list, place) : call.promise
    })
  }

  /** The users one by one, likewise. */
  async *walkUsers(options, open) {
    yield* walkUsers(options, (after) => {
      const { call, accepted } = open()
      if (accepted) {
        this.#channel.submit(call, null, (native, ticket) => native.users(ticket, after))
      }
      return call.promise
    })
  }

  /** Answers a call with a page of users. */
  answerUsers(call, slots, at) {
    call.succeed(readUsers(slots[at], slots[at + 1]))
  }

  /** Answers a call with a page. */
  answer(call, slots, at) {
    const next = { after: slots[at + 1], most: slots[at + 2], value: slots[at + 3] }
    call.list.page(slots[at], next, this.#read).then(
      (page) => call.succeed(page),
      (error) => call.fail(error),
    )
  }

  /** Lets `end` go once no list asks for more pages. */
  async finish(end) {
    await Promise.allSettled(this.#unfinished)
    return end()
  }

  get areFinished() {
    return this.#unfinished.size === 0
  }

  /** All sessions: once the time of an operation is up, no more pages are asked for, and none is waited for. */
  async #inTime(list, listed, readPage) {
    const { timeoutMs } = this.#channel
    let timer
    let error
    const late = new Promise((_resolve, reject) => {
      const end = () => {
        error = timeout('all', timeoutMs, list.waitsFor ?? 'MongoDB to answer')
        reject(error)
      }
      timer = setTimeout(end, graceMs(timeoutMs))
    })
    const page = (place) => {
      if (error !== undefined) throw error
      return readPage(place)
    }
    try {
      return await Promise.race([collect(listed, page), late])
    } catch (error) {
      // The addon knows its pages as those of a scan.
      throw renamed(error, 'scan', 'all')
    } finally {
      clearTimeout(timer)
    }
  }

  #page(call, list, place) {
    const { idsOnly, user, text, specials } = list
    call.list = list
    this.#channel.submit(call, null, (native, ticket) =>
      native.page(ticket, idsOnly, user, text, specials, place),
    )
    return call.promise
  }
}

module.exports = { Lists }
