// Stores that are broken on purpose, each in one way: the class that each of them makes of the right one.
import { setTimeout as sleep } from 'node:timers/promises'

/** One call in so many is broken that is not to be broken each time. */
const oneIn = (count) => Math.random() * count < 1

/** A store with other options than it was given. */
const given = (change) => (Store) =>
  class extends Store {
    constructor(options) {
      super(change(options))
    }
  }

/** A store with another answer to a method; `call` gets the right method and the arguments without a callback. */
const answering = (name, call) => (Store) =>
  class extends Store {
    [name](...args) {
      const callback = typeof args.at(-1) === 'function' ? args.pop() : undefined
      const promise = call.call(this, (...args) => super[name](...args), ...args)
      if (callback === undefined) return promise
      promise.then((value) => callback(null, value), callback)
    }
  }

/** A previous store of which one method is another one. */
const previous = (change) =>
  given(({ previousStore, ...options }) => {
    const { get, destroy } = Object.getPrototypeOf(previousStore ?? {})
    if (get === undefined) return options
    const methods = { get: get.bind(previousStore), destroy: destroy.bind(previousStore) }
    return { ...options, previousStore: { ...methods, ...change(methods) } }
  })

/** A store that reads by another one, which knows nothing of what this one has called before. */
const readsElsewhere = (Store) =>
  class extends Store {
    #reader

    constructor(options) {
      super(options)
      this.#reader = new Store(options)
    }

    get(...args) {
      return this.#reader.get(...args)
    }

    async close() {
      await Promise.all([super.close(), this.#reader.close()])
    }
  }

/** Saves every session as one of which nothing is known, if `isBroken` says so of it. */
const forgetting = (isBroken) =>
  answering('set', function (set, sid, session) {
    return set(sid, isBroken(this, session) ? { ...session } : session)
  })

/** Sessions whose first save is under way. */
const saving = new WeakSet()
const loaded = new WeakSet()

const savesTwice = (Store) =>
  class extends forgetting((_store, session) => saving.has(session))(Store) {
    createSession(req, data) {
      const session = super.createSession(req, data)
      loaded.add(session)
      return session
    }

    set(sid, session, callback) {
      if (loaded.has(session) || !callback) return super.set(sid, session, callback)
      // So late that others come in between on a slow machine, too.
      const delayMs = saving.has(session) ? Math.random() * 2000 : 0
      setTimeout(() => super.set(sid, session, callback), delayMs)
      saving.add(session)
    }
  }

/** Whoever is logged out everywhere leaves nothing behind here, and may be a while longer in the previous store. */
const flagsNothing = (Store) =>
  class extends previous(({ destroy }) => ({
    destroy: (sid, callback) => setTimeout(() => destroy(sid, callback), Math.random() * 1000),
  }))(Store) {
    #plain

    constructor(options) {
      super(options)
      const { previousStore: _previous, ...others } = options
      this.#plain = new Store(others)
    }

    async destroyByUser(user) {
      const entries = await this.sessionsOf(user)
      for (const { sid } of entries) await this.#plain.destroy(sid)
      return entries.length
    }

    async close() {
      await Promise.all([super.close(), this.#plain.close()])
    }
  }

async function untilSaved(set, sid, session) {
  for (;;) {
    try {
      return await set(sid, session)
    } catch (error) {
      if (error.code !== 'ERR_STORE_CONNECTION') throw error
      await sleep(Math.random() * 200)
    }
  }
}

const kept = []
let keptAt = 0

/**
 * By what is wrong with each: in which setting of the soak that is found, as which kind of violation, and what it
 * is. Faults and minutes where those of the setting are not what leads there.
 */
export const BREAKS = {
  'every save writes the whole session': {
    setting: 'one server',
    finds: 'wrong',
    broken: given((options) => ({ ...options, save: 'replace' })),
  },
  'a save creates the session again that was destroyed': {
    setting: 'one server',
    finds: 'wrong',
    broken: (Store) =>
      class extends Store {
        #last = new Map()

        constructor(options) {
          super(options)
          this.on('discard', (sid) => super.set(sid, this.#last.get(sid)))
        }

        set(sid, session, callback) {
          this.#last.set(sid, { ...session })
          return super.set(sid, session, callback)
        }
      },
  },
  'a save is acknowledged and not carried out': {
    setting: 'one server',
    finds: 'wrong',
    broken: answering('set', async (set, ...args) => !oneIn(50) && set(...args)),
  },
  'a destroy is acknowledged and not carried out': {
    setting: 'one server',
    finds: 'wrong',
    broken: answering('destroy', async (destroy, ...args) => !oneIn(5) && destroy(...args)),
  },
  'a touch moves nothing': {
    setting: 'one server',
    finds: 'wrong',
    broken: answering('touch', async () => undefined),
  },
  'a get does not wait for the save that was called before it': {
    setting: 'one server',
    finds: 'wrong',
    broken: readsElsewhere,
  },
  'a write is called again until it is acknowledged': {
    setting: 'one server',
    finds: 'wrong',
    faults: { lose: 1 },
    minutes: 1,
    broken: answering('set', untilSaved),
  },
  'a save whose time is up is carried out later': {
    setting: 'one server',
    finds: 'late',
    faults: { freeze: 1, partition: 1 },
    minutes: 2,
    broken: answering('set', (set, ...args) =>
      set(...args).catch((error) => {
        setTimeout(() => set(...args), 5000)
        throw error
      }),
    ),
  },
  'a call takes longer than it may': {
    setting: 'one server',
    finds: 'slow',
    faults: { slow: 1 },
    broken: answering('get', async (get, sid) => (oneIn(50) && (await sleep(13_500)), get(sid))),
  },
  'an error holds the session id': {
    setting: 'one server',
    finds: 'error',
    faults: { cut: 1, freeze: 1 },
    minutes: 1,
    broken: answering('get', (get, sid) =>
      get(sid).catch((error) => {
        throw Object.assign(error, { message: `${error.message}: ${sid}` })
      }),
    ),
  },
  'a call ends the process': {
    setting: 'one server',
    finds: 'died',
    broken: answering('get', async (get, sid) => (oneIn(2000) ? process.exit(3) : get(sid))),
  },
  'what was read is kept': {
    setting: 'one server',
    finds: 'grown',
    faults: { slow: 1 },
    minutes: 1.5,
    broken: answering('get', async (get, sid) => {
      // A megabyte a second, whatever the machine does.
      if (Date.now() - keptAt > 50) kept.push(Buffer.alloc(50_000, (keptAt = Date.now())))
      return get(sid)
    }),
  },
  'whose a session is does not go with one of the keys that say so': {
    setting: 'accounts',
    finds: 'wrong',
    broken: given((options) => ({ ...options, userId: ({ account }) => account })),
  },
  'a log-out everywhere misses a session': {
    setting: 'accounts',
    finds: 'wrong',
    broken: answering('destroyByUser', async function (destroyByUser, user) {
      const [first] = await this.sessionsOf(user)
      return destroyByUser(user, first && { except: first.sid })
    }),
  },
  'the second save of a log-in that does not wait creates the session, too': {
    setting: 'accounts',
    finds: 'wrong',
    minutes: 1,
    broken: savesTwice,
  },
  'a refused save is told as success': {
    setting: 'accounts',
    finds: 'wrong',
    broken: answering('set', (set, ...args) =>
      set(...args).catch((error) => {
        if (error.mongoCode !== 11_000) throw error
      }),
    ),
  },
  'a user has one session more than may be': {
    setting: 'accounts',
    finds: 'wrong',
    broken: given((options) => ({ ...options, maxPerUser: options.maxPerUser + 1 })),
  },
  'what has expired is not removed': {
    setting: 'accounts',
    finds: 'wrong',
    minutes: 0.05,
    broken: given(({ autoRemoveInterval: _interval, ...options }) => {
      return { ...options, autoRemove: 'disabled' }
    }),
  },
  'a move does not look whether the session was destroyed meanwhile': {
    setting: 'moves',
    finds: 'wrong',
    broken: previous(({ get }) => {
      const seen = new Map()
      return {
        get(sid, callback) {
          if (seen.has(sid)) return callback(null, JSON.parse(seen.get(sid)))
          get(sid, (error, session) => {
            if (session) seen.set(sid, JSON.stringify(session))
            callback(error, session)
          })
        },
      }
    }),
  },
  'what has moved stays in the previous store': {
    setting: 'moves',
    finds: 'wrong',
    broken: previous(() => ({ destroy: (_sid, callback) => callback(null) })),
  },
  'what ends by its user may move once more': {
    setting: 'moves',
    finds: 'wrong',
    minutes: 1,
    broken: flagsNothing,
  },
  'a read does not wait for what was written': {
    setting: 'secondaries',
    finds: 'wrong',
    faults: { lag: 1 },
    broken: readsElsewhere,
  },
}
