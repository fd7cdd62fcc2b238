// What the tests share of what happens beside a renewal: a proxy that holds the command that is its next step, a
// visitor whose ids are known, and the session of Ada.
import { randomUUID } from 'node:crypto'
import { visitorOf } from './parallel-support.mjs'
import { database, openStore } from './support.mjs'
import { watchCommands } from './wire.mjs'

export const GRACE = { grace: 60_000 }

const userId = (session) => session.user
export const OPTIONS = {
  deleteFlags: true,
  userId,
  device: true,
  indexes: { tenant: (session) => session.tenant },
  maxPerUser: 1,
}

/** The commands of a renewal, in their order. */
export const STEPS = {
  'it places the copy': ({ updates }) => updates?.[0].u.renewedFrom !== undefined,
  'the old id leads there': ({ updates }) => updates?.[0].u.$set?.renewedTo !== undefined,
  'it reveals the copy': ({ updates }) => updates?.[0].u.$unset?.renewedUntil !== undefined,
}

/** Holds commands of a kind at a proxy. */
class Gate {
  #isHeld = () => false
  #opened
  #open

  /** From now on; answers a promise of the first one that is held. */
  hold(isHeld) {
    this.#opened = new Promise((resolve) => (this.#open = resolve))
    return new Promise((resolve) => {
      this.#isHeld = (command) => {
        if (!isHeld(command)) return false
        resolve()
        return true
      }
    })
  }

  open() {
    this.#isHeld = () => false
    this.#open()
  }

  held = (command) => (this.#isHeld(command) ? this.#opened : undefined)
}

/** A database with stores of several processes: `open(options)` answers one behind a `gate` of its own. */
export async function world(t, shared = OPTIONS) {
  const { uri, sessions } = await database(t)
  const { port } = new URL(uri)
  const witness = openStore(t, { uri, ...shared })
  const open = async (options) => {
    const gate = new Gate()
    const proxy = await watchCommands(t, Number(port), gate)
    const through = uri.replace(`:${port}/`, `:${proxy.port}/`)
    const store = openStore(t, { uri: through, createTTLIndex: false, ...shared, ...options })
    return Object.assign(store, { gate, commands: proxy.commands })
  }
  return { witness, sessions, open }
}

/** A visitor whose session ids are these, and then any; `ids` has those that were made. */
export async function visitorWith(t, store, ...wanted) {
  const ids = []
  const genid = () => {
    ids.push(wanted.shift() ?? randomUUID())
    return ids.at(-1)
  }
  return Object.assign(await visitorOf(t, store, { genid }), { ids })
}

/** Ada's session, which a visitor of this store has, and all of its names. */
export async function adas(visitor, store, data = {}) {
  const old = await visitor.login({ user: 'ada', tenant: 'acme', ...data })
  const [device] = store === undefined ? [] : await store.devices('ada')
  return { old, handle: device?.handle }
}

/** How many sessions there are, whoever could find them. */
export const living = (sessions, flag = 'deleted') =>
  sessions.countDocuments({ [flag]: { $ne: true } })
