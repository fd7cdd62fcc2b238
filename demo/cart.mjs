// A cart whose requests take their time, so that two of them can have the session at once.
import { setTimeout } from 'node:timers/promises'
import { Router } from 'express'

export const ITEMS = ['tea', 'biscuits']

const WAREHOUSE_MS = 400

/** Routes for any session of express-session. Each item is a key of its own in the session. */
export function cart() {
  const routes = Router()

  routes.get('/', (req, res) => {
    res.json(contents(req.session))
  })

  routes.post('/empty', (req, res) => {
    for (const item of ITEMS) req.session[item] = 0
    res.json(contents(req.session))
  })

  routes.post('/:item', async (req, res) => {
    const { item } = req.params
    if (!ITEMS.includes(item)) return res.sendStatus(404)
    // The session has been loaded. Whatever happens to it meanwhile, this request does not see.
    await setTimeout(WAREHOUSE_MS)
    req.session[item] = (req.session[item] ?? 0) + 1
    // express-session saves the session before the response ends.
    res.json(contents(req.session))
  })

  return routes
}

function contents(session) {
  return Object.fromEntries(ITEMS.map((item) => [item, session[item] ?? 0]))
}
