// The official driver is the witness of what there is in the database.
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import { DATABASE } from '../scripts/mongodb-uri.mjs'
import { userId } from './account-lane.mjs'
import { shown } from './model.mjs'
import { dataOf } from './session-client.mjs'

/** How long the removal of what has expired may take, in milliseconds: many times its interval. */
const REMOVAL_MS = 20_000

const DAY_MS = 86_400_000

/** The id of a document that the stores are to remove. */
const EXPIRED = 'expired'

export class Witness {
  #client
  #setting
  #report

  constructor(uri, { setting, report }) {
    this.#client = new MongoClient(uri, { serverSelectionTimeoutMS: 30_000 })
    this.#setting = setting
    this.#report = report
  }

  get #sessions() {
    return this.#client.db(DATABASE).collection('sessions')
  }

  db(name) {
    return this.#client.db(name)
  }

  /** The application has an index of its own: one session at a time may have a seat. */
  async prepare() {
    if (!this.#setting.accounts) return
    const options = { unique: true, sparse: true, name: 'one seat' }
    await this.#sessions.createIndex({ 'session.seat': 1 }, options)
  }

  close() {
    return this.#client.close()
  }

  /** What can be seen at any time. */
  async look() {
    const { connections } = await this.#client.db('admin').command({ serverStatus: 1 })
    this.#report.connections(connections.current)
    if (this.#setting.accounts) await this.#checkUsers()
  }

  /** Every document says the user that its session has. */
  async #checkUsers() {
    const projection = { userId: 1, 'session.account': 1, 'session.impersonated': 1 }
    for await (const document of this.#sessions.find({}, { projection })) {
      const { _id: sid, userId: user, session = {} } = document
      if (user !== userId(session)) {
        this.#wrong(`${sid} is of ${userId(session)}, and its document of ${user}`)
      }
    }
  }

  /** The stores remove what has expired, whatever the clock of one of them has said that has ended. */
  async seeRemoval() {
    if (this.#setting.options?.autoRemove !== 'interval') return
    const until = new Date(Date.now() + DAY_MS)
    await this.#sessions.updateOne({ _id: { autoRemove: '' } }, { $set: { until } })
    const expires = new Date(Date.now() - DAY_MS)
    await this.#sessions.insertOne({ _id: EXPIRED, expires, session: { cookie: {} } })
    const end = Date.now() + REMOVAL_MS
    while (await this.#sessions.countDocuments({ _id: EXPIRED })) {
      if (Date.now() > end) return this.#wrong('what has expired is not removed')
      await sleep(200)
    }
  }

  /** Compares the documents with what the processes have last seen of theirs. */
  async compare(reports, retired) {
    if (this.#setting.accounts) await this.#checkUsers()
    const live = reports.flatMap(({ live }) => live)
    const expected = new Map(live.map(({ sid, text }) => [sid, text]))
    const shared = new Set(reports.flatMap(({ liveShared }) => liveShared))
    for await (const document of this.#sessions.find()) {
      const { _id: sid } = document
      if (sid.startsWith?.('shared-')) this.#checkShared(document, shared)
      if (!isVisitors(document)) continue
      const text = textOf(document)
      if (!expected.has(sid)) this.#resurrected(sid, retired.get(sid))
      else if (![text, undefined].includes(expected.get(sid))) {
        this.#wrong(`${sid} is ${text} in the end, not ${expected.get(sid)}`)
      }
      expected.delete(sid)
    }
    for (const [sid, text] of expected) {
      if (![shown(null), undefined].includes(text)) this.#wrong(`${sid} is lost in the end`)
    }
    if (this.#setting.moves) await this.#checkPrevious(shared)
  }

  #checkShared({ _id: sid, expires, deleted }, shared) {
    // One that has not moved for sure has expired long ago.
    const isThere = expires > new Date() && deleted === undefined
    if (isThere && !shared.has(sid)) this.#wrong(`${sid} was destroyed and is there in the end`)
  }

  async #checkPrevious(shared) {
    for await (const { _id: sid } of this.#client.db(DATABASE).collection('previous').find()) {
      if (!shared.has(sid)) this.#wrong(`${sid} was destroyed and is in the previous store`)
    }
  }

  #resurrected(sid, allowance) {
    if (allowance === 'open') return
    const kind = allowance === 'late' ? 'late' : 'wrong'
    this.#report.violation(kind, `${sid} was destroyed and is there in the end`)
  }

  #wrong(what) {
    this.#report.violation('wrong', what)
  }
}

/** Sessions that are flagged, or of others than visitors, are told of elsewhere. */
function isVisitors({ _id: sid, deleted }) {
  return typeof sid === 'string' && /^[pq]\d+-/.test(sid) && deleted === undefined
}

function textOf({ expires, session }) {
  const cookie = session.cookie._expires.getTime()
  return shown({ expires: expires.getTime(), cookie, data: dataOf(session) })
}
