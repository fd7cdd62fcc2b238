// `node bench/correctness.mjs [--rounds <n>] [--increments <n>]`: what each store loses when requests of one browser
// overlap, as a Markdown table. Not a matter of luck: the requests meet inside the application.
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import express from 'express'
import session from 'express-session'
import { isMain, main } from '../scripts/step.mjs'
import { barrier } from './harness/barrier.mjs'
import { endChildren, start } from './harness/child.mjs'
import { openDatabase } from './harness/database.mjs'

/** Package names and the files that open their stores, each with the defaults of the package. Where only ours has a method, the others do what an application can. */
const CONTENDERS = {
  'mongodb-session-store': 'mongodb-session-store',
  'connect-mongo': 'connect-mongo-string',
  '@iwsio/mongodb-express-session': 'iwsio',
  'connect-mongodb-session': 'connect-mongodb-session',
}

/** Up to how long a thousand increments may take where the machine has much else to do. */
const LONGEST_MS = 900_000

/** By what sessions are found. */
const INDEXES = { tenant: ({ tenant }) => tenant }

/** What can go wrong, and what its line in the table says. Each answers whether it did in a round. */
const SCENARIOS = {
  lostUpdate: {
    title: 'Two parallel requests change different keys: one change is lost',
    async goesWrong(app) {
      const sid = await app.login()
      const meet = barrier(2)
      const change = (key) => async (req) => {
        await meet()
        req.session[key] = true
      }
      await Promise.all([app.request(change('one')), app.request(change('two'))])
      const { one, two } = await app.stored(sid)
      return !one || !two
    },
  },
  resurrected: {
    title: 'Logout while a slow request changes the session: it is back',
    async goesWrong(app) {
      const sid = await app.login()
      await app.request(async (req) => {
        await app.request(logout)
        req.session.late = true
      })
      return Boolean(await app.stored(sid))
    },
  },
  lostIncrement: {
    title: 'Two parallel requests count up: one count is lost',
    async goesWrong(app) {
      const sid = await app.login()
      const meet = barrier(2)
      const count = (session) => {
        session.count = (session.count ?? 0) + 1
      }
      const request = async (req) => {
        await meet()
        if (app.store.update) await app.store.update(sid, count)
        else count(req.session)
      }
      await Promise.all([app.request(request), app.request(request)])
      return (await app.stored(sid)).count !== 2
    },
  },
  usedTwice: {
    title: 'Two parallel requests use a token of one use: both may',
    async goesWrong(app) {
      const sid = await app.login()
      await app.request((req) => {
        req.session.token = 'once'
      })
      const meet = barrier(2)
      const used = []
      const request = async (req) => {
        await meet()
        used.push(app.store.take ? await app.store.take(sid, 'token') : req.session.token)
        if (!app.store.take) delete req.session.token
      }
      await Promise.all([app.request(request), app.request(request)])
      return used.filter((token) => token === 'once').length !== 1
    },
  },
  lostInRenewal: {
    title:
      'A new session id while another request changes the session: its change or its log-in is lost',
    async goesWrong(app) {
      await app.login()
      const [isOld, isNew] = [barrier(2), barrier(2)]
      const slow = app.request(async (req) => {
        await isOld()
        await isNew()
        req.session.late = true
      })
      const sid = await app.request(async (req) => {
        await isOld()
        if (app.store.renew) await app.store.renew(req)
        else await regenerate(req)
        await isNew()
      })
      await slow
      const { user, late } = (await app.stored(sid)) ?? {}
      return user !== 'ada' || !late
    },
  },
  foundByWrong: {
    title:
      'The session of a tenant moves to another one beside a slow request: the list of one of them is wrong',
    async goesWrong(app) {
      const sid = await app.login()
      const move = (tenant) => (req) => {
        req.session.tenant = tenant
        app.listed.set(sid, tenant)
      }
      await app.request(move('one'))
      await app.request(async (req) => {
        await app.request(move('two'))
        req.session.late = true
      })
      const { tenant } = await app.stored(sid)
      const tenants = app.store.count ? await app.tenantsOf(sid) : [app.listed.get(sid)]
      return tenants.join() !== tenant
    },
  },
  touchFailed: {
    title: 'Logout while a slow request reads the session: it ends in an error',
    async goesWrong(app) {
      await app.login()
      const before = app.errors.length
      await app.request(() => app.request(logout))
      // An error behind the response arrives before the next request is answered.
      await app.request(() => {})
      return app.errors.length > before
    },
  },
}

/**
 * How often each scenario goes wrong for each contender, in `rounds` rounds, and how many are lost of `increments` that
 * two processes send at once.
 */
export async function compareCorrectness({ rounds, increments }) {
  const database = await openDatabase()
  try {
    const rows = []
    for (const [name, file] of Object.entries(CONTENDERS)) {
      const { default: contender } = await import(`./contenders/${file}.mjs`)
      // Of this process alone, so that runs do not meet in one database.
      // By `deleteFlags` this package gives new ids, by `indexes` it finds sessions; others do not know them.
      const uri = await database.uriOf(`${process.pid}_${file}`)
      const store = await contender.open(uri, { deleteFlags: true, indexes: INDEXES })
      const app = await App.serve(store)
      const [version] = contender.version.split(',')
      const row = { name, version }
      for (const [scenario, { goesWrong }] of Object.entries(SCENARIOS)) {
        row[scenario] = 0
        for (let round = 0; round < rounds; round++) if (await goesWrong(app)) row[scenario]++
      }
      row.lostIncrements = await lostIncrements(app, { file, uri, increments })
      rows.push(row)
      await app.close()
      await contender.close(store)
    }
    return rows
  } finally {
    await database.close()
  }
}

/** How many increments of one session two processes lose. */
async function lostIncrements(app, { file, uri, increments }) {
  const sid = await app.login()
  const job = { file, uri, sid, times: increments / 2 }
  const processes = [start('count-up.mjs', job), start('count-up.mjs', job)]
  try {
    await Promise.all(processes.map((each) => each.message('ready')))
    for (const each of processes) each.send({ type: 'go' })
    await Promise.all(processes.map((each) => each.exit(LONGEST_MS)))
  } finally {
    endChildren()
  }
  return increments - (await app.stored(sid)).count
}

/** What `compareCorrectness` answers as a Markdown table, a column for each store. */
export function correctnessTable(rows, { rounds, increments }) {
  const names = rows.map(({ name, version }) => `${name} ${version}`)
  const lines = Object.entries(SCENARIOS).map(([scenario, { title }]) => [
    title,
    ...rows.map((row) => `${row[scenario]} of ${rounds}`),
  ])
  lines.push([
    `${increments} increments that two processes send at once: so many are lost`,
    ...rows.map((row) => `${row.lostIncrements} of ${increments}`),
  ])
  return [['', ...names], ['---', ...names.map(() => '---:')], ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

/** An application on a store, and one browser in front of it. */
class App {
  errors = []
  /** By session id, whose it is: what an application keeps where the store finds nothing by that. */
  listed = new Map()
  #handlers = []
  #cookie

  static async serve(store) {
    const self = new App()
    const app = express()
    app.use(session({ secret: 'bench', resave: false, saveUninitialized: false, store }))
    app.get('/:number', async (req, res) => {
      await self.#handlers[req.params.number](req)
      res.end(req.sessionID)
    })
    app.use((error, req, res, _next) => {
      self.errors.push(error)
      if (!res.headersSent) res.status(500).end()
    })
    self.store = store
    self.server = app.listen(0, '127.0.0.1')
    await once(self.server, 'listening')
    return self
  }

  /** Sends a request that is handled by `handler`, and answers the id of its session. */
  async request(handler) {
    const number = this.#handlers.push(handler) - 1
    const url = `http://127.0.0.1:${this.server.address().port}/${number}`
    const headers = this.#cookie ? { cookie: this.#cookie } : {}
    const response = await fetch(url, { headers })
    const sid = await response.text()
    const [cookie] = response.headers.getSetCookie()
    if (cookie) this.#cookie = cookie.split(';')[0]
    return sid
  }

  /** Begins a session, and answers its id. */
  login() {
    this.#cookie = undefined
    return this.request((req) => {
      req.session.user = 'ada'
    })
  }

  /** The tenants among whose sessions the store finds this one. */
  async tenantsOf(sid) {
    const lists = ['one', 'two'].map(async (tenant) => {
      const found = await this.store.find({ tenant })
      return found.some((entry) => entry.sid === sid) ? [tenant] : []
    })
    return (await Promise.all(lists)).flat()
  }

  /** What the store has of a session. */
  stored(sid) {
    return new Promise((resolve, reject) => {
      this.store.get(sid, (error, stored) => (error ? reject(error) : resolve(stored)))
    })
  }

  async close() {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }
}

/** A new id with what the session held, as applications do it that have no other way. */
function regenerate(req) {
  const { cookie: _cookie, ...data } = req.session
  return new Promise((resolve, reject) => {
    req.session.regenerate((error) => {
      if (error) return reject(error)
      Object.assign(req.session, data)
      resolve()
    })
  })
}

function logout(req) {
  return new Promise((resolve, reject) => {
    req.session.destroy((error) => (error ? reject(error) : resolve()))
  })
}

if (isMain(import.meta)) {
  await main(async () => {
    const { values } = parseArgs({
      options: {
        rounds: { type: 'string', default: '200' },
        increments: { type: 'string', default: '1000' },
      },
    })
    const often = { rounds: Number(values.rounds), increments: Number(values.increments) }
    console.log(correctnessTable(await compareCorrectness(often), often))
  })
}
