// A previous store that fails at times: before it does what it is to do, or behind that.
import { setTimeout as sleep } from 'node:timers/promises'

export class UnreliableStore {
  #store
  #random

  constructor(store, random) {
    this.#store = store
    this.#random = random
  }

  get(sid, callback) {
    this.#call('get', sid, callback)
  }

  destroy(sid, callback) {
    this.#call('destroy', sid, callback)
  }

  #call(method, sid, callback) {
    this.#answer(method, sid).then(
      (answer) => callback(null, answer),
      (error) => callback(error),
    )
  }

  async #answer(method, sid) {
    const random = this.#random
    const fault = random.weighted({ none: 80, slow: 30, fails: 8, failsBehind: 8, hangs: 1 })
    if (fault === 'fails') throw failure()
    if (fault === 'hangs') await new Promise(() => {})
    if (fault === 'slow') await sleep(random.between(0, 50))
    const answer = await this.#store[method](sid)
    if (fault === 'failsBehind') throw failure()
    if (fault === 'slow') await sleep(random.between(0, 50))
    return answer
  }
}

function failure() {
  return Object.assign(new Error('the previous store fails'), { code: 'ERR_STORE_PREVIOUS' })
}
