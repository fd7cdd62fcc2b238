// Who is logged in, where, and how that ends.
import express, { Router } from 'express'

/** Without passwords: this is a demo. */
export const PEOPLE = ['Ada', 'Grace', 'Katherine', 'Margaret']

export function people({ live }) {
  const routes = Router()
  routes.use(express.urlencoded({ extended: false }))

  // A new id, so that one that was known before is worth nothing, with the old data.
  routes.post('/login', (req, res, next) => {
    const person = req.body?.person
    if (!PEOPLE.includes(person)) return res.status(400).send('Nobody of that name')
    const { cookie: _old, ...data } = req.session
    req.session.regenerate((error) => {
      if (error) return next(error)
      Object.assign(req.session, data, { person, browser: browserOf(req.get('User-Agent')) })
      // Saved before anybody is told to look.
      req.session.save((error) => {
        if (error) return next(error)
        live.tell('changed', {}, isOf(person))
        res.redirect(303, '/')
      })
    })
  })

  routes.post('/logout', (req, res, next) => {
    const { person } = req.session
    req.session.destroy((error) => {
      if (error) return next(error)
      live.tell('changed', {}, isOf(person))
      res.clearCookie('shop.sid').redirect(303, '/')
    })
  })

  routes.post('/devices/revoke', async (req, res) => {
    const { person } = req.session
    if (!person) return res.redirect(303, '/')
    await req.sessionStore.revoke(person, String(req.body?.handle))
    live.tell('changed', {}, isOf(person))
    res.redirect(303, '/')
  })

  routes.post('/devices/revoke-others', async (req, res) => {
    const { person } = req.session
    if (!person) return res.redirect(303, '/')
    await req.sessionStore.revokeOthers(person, req.sessionID)
    live.tell('changed', {}, isOf(person))
    res.redirect(303, '/')
  })

  return routes
}

function isOf(person) {
  return (page) => person !== undefined && page.person === person
}

const BROWSERS = [
  ['Edg/', 'Edge'],
  ['OPR/', 'Opera'],
  ['Firefox/', 'Firefox'],
  ['Chrome/', 'Chromium'],
  ['Safari/', 'Safari'],
]
const SYSTEMS = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'Linux']

/** What its owner knows a browser by, as in 'Firefox on Linux'. */
function browserOf(userAgent = '') {
  const [, browser] = BROWSERS.find(([mark]) => userAgent.includes(mark)) ?? ['', 'A program']
  const system = SYSTEMS.find((name) => userAgent.includes(name))
  return system ? `${browser} on ${system}` : browser
}
