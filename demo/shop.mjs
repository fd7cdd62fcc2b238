// The page for browsers: which session a request has, and where its routes are.
import { fileURLToPath } from 'node:url'
import express, { Router } from 'express'
import session from 'express-session'
import { cart } from './cart.mjs'
import { documentOf } from './document.mjs'
import { Live } from './live.mjs'
import { Load } from './load.mjs'
import { failurePage, page } from './page.mjs'
import { PEOPLE, people } from './people.mjs'

const DAY_MS = 24 * 60 * 60 * 1000

const PUBLIC = fileURLToPath(new URL('public', import.meta.url))

/** Nothing may load or run but the demo's own files. */
const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    'img-src data:',
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

/**
 * The routes of the shop, and `end`, which ends the responses that would go on for ever. `stores` are
 * `{ plain, encrypted }` on one collection; `client` is one of the official driver.
 */
export function createShop({ stores, connectMongo, client, outage, secret = 'a secret' }) {
  const routes = Router()
  const live = new Live()
  const load = new Load()
  // Encryption is switched on for everybody, by using the other store.
  let inUse = 'plain'
  const store = () => stores[inUse]

  routes.use((req, res, next) => (isWalkthrough(req) ? next('router') : next()))
  routes.use((req, res, next) => {
    res.set(HEADERS)
    next()
  })
  routes.use('/static', express.static(PUBLIC, { cacheControl: false }))
  routes.use(refuseOtherSites)

  // These act on the database and on no session.
  routes.post('/freeze', (req, res) => {
    if (!outage.isPossible) return res.status(409).send(outage.reason)
    outage.begin(store(), (name, data) => live.tell(name, data))
    done(req, res)
  })
  routes.post('/load', (req, res) => {
    load.run(store()).catch(console.error)
    done(req, res)
  })
  routes.post('/encryption', async (req, res) => {
    inUse = inUse === 'plain' ? 'encrypted' : 'plain'
    // A save writes what has changed. This has what is there already written anew.
    for await (const { sid, session } of store().scan()) await store().set(sid, session)
    live.tell('changed', {})
    res.redirect(303, '/')
  })

  const sessionOf = (name, store) =>
    session({
      name,
      store,
      secret,
      resave: false,
      saveUninitialized: false,
      rolling: true,
      cookie: { httpOnly: true, sameSite: 'strict', maxAge: DAY_MS },
    })

  // The same routes twice: only the store differs.
  routes.use('/connect-mongo/cart', sessionOf('connect-mongo.sid', connectMongo), cart())
  const sessions = {
    plain: sessionOf('shop.sid', stores.plain),
    encrypted: sessionOf('shop.sid', stores.encrypted),
  }
  routes.use((req, res, next) => sessions[inUse](req, res, next))
  routes.use('/cart', cart())

  routes.get('/', async (req, res) => {
    const { person } = req.session
    const current = req.sessionID
    res.vary('Accept').send(
      page({
        people: PEOPLE,
        person,
        session: current,
        devices: person ? await req.sessionStore.devices(person, { current }) : [],
        document: await documentOf(client.db().collection(store().collectionName), current),
        isEncrypting: inUse === 'encrypted',
        outage,
      }),
    )
  })
  routes.get('/live', (req, res) => live.open(req, res))
  routes.use(people({ live }))

  routes.use((req, res) => res.status(404).send('Not found'))
  routes.use(failed)

  // Either store tells of all sessions in the collection, and of what other programs do to them.
  for (const event of ['revoked', 'expired']) {
    stores.plain.on(event, ({ id }) => live.tell('ended', {}, ({ sid }) => sid === id))
  }

  const figures = setInterval(
    () => live.tell('figures', { store: inUse, ...store().stats() }),
    1000,
  )
  return {
    routes,
    end() {
      clearInterval(figures)
      live.end()
    },
  }
}

/** Only a browser prefers HTML; curl, which takes anything, gets the short answer of the walkthrough. */
function isWalkthrough(req) {
  return req.path === '/' && req.method === 'GET' && !prefersHtml(req)
}

function prefersHtml(req) {
  return req.accepts(['text', 'html']) === 'html'
}

/**
 * Whoever sends a form from another page is refused. `sameSite` alone would not do it: all ports of
 * localhost are one site.
 */
function refuseOtherSites(req, res, next) {
  const from = req.get('Sec-Fetch-Site') ?? 'same-origin'
  if (req.method === 'POST' && from !== 'same-origin') return res.status(403).send('Not from here')
  next()
}

/** Ends a request that has begun something of which the page hears by itself. */
function done(req, res) {
  if (prefersHtml(req)) res.redirect(303, '/')
  else res.sendStatus(202)
}

/** What the calls of a store end with while no server answers. */
const OUTAGES = ['ERR_STORE_CONNECTION', 'ERR_STORE_TIMEOUT']

/** An outage is no fault of the application, and is told to people as what it is. */
function failed(error, req, res, next) {
  if (res.headersSent || !OUTAGES.includes(error.code)) return next(error)
  res.status(503)
  if (prefersHtml(req)) res.send(failurePage(error.code))
  else res.send(error.code)
}
