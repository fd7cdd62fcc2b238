#!/usr/bin/env bash
# Two middlewares of express-session that share a store make the same sessions: those of the one that was made last.
#
# Versions: express-session 1.19.0 on the Node that runs this.
# Behaviour: a shop and its administration, each with a name, cookie options and a `genid` of its own, and one store between them. `session()`
# puts its way of making a session on the store, as `store.generate`, where the second call replaces that of the first. From then on
# the shop's cookies have the administration's path, `sameSite`, lifetime and ids. With its path the browser never brings
# them back, and every visitor gets a new session with every click. Two stores on one collection work.
# Who meets it: whoever saves a connection by sharing the store; depending on the order of two lines.
. "$(dirname "$0")/support/start.sh"

install_npm express-session@1.19.0
cat > twice.mjs <<'CODE'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import session from 'express-session'
const SHOP = { name: 'shop', genid: () => `shop-${randomUUID()}`, cookie: { sameSite: 'lax', path: '/' } }
const ADMIN = { name: 'admin', genid: () => `admin-${randomUUID()}`, cookie: { sameSite: 'strict', path: '/admin' } }
async function visit(stores) {
  const settings = { secret: 'some secret', resave: false, saveUninitialized: true }
  const [shop, admin] = [SHOP, ADMIN].map((own, index) => session({ ...settings, ...own, store: stores[index] }))
  const server = createServer((req, res) => {
    const sessions = req.url.startsWith('/admin') ? admin : shop
    sessions(req, res, () => res.end())
  }).listen(0)
  await once(server, 'listening')
  const said = []
  for (const path of ['/', '/admin']) {
    const answer = await fetch(`http://localhost:${server.address().port}${path}`)
    const [, name, id, rest] = /^(\w+)=s%3A(\w+)-.*?; (.*)$/.exec(answer.headers.getSetCookie()[0])
    said.push(`${name}: an id of ${id}, ${rest}`)
  }
  server.close()
  return said.join('\n')
}
const store = new session.MemoryStore()
console.log(`two stores\n${await visit([new session.MemoryStore(), new session.MemoryStore()])}`)
console.log(`one store\n${await visit([store, store])}`)
CODE
# Seen on Node 20.20.2:
expected="two stores
shop: an id of shop, Path=/; HttpOnly; SameSite=Lax
admin: an id of admin, Path=/admin; HttpOnly; SameSite=Strict
one store
shop: an id of admin, Path=/admin; HttpOnly; SameSite=Strict
admin: an id of admin, Path=/admin; HttpOnly; SameSite=Strict"
answer=$(node twice.mjs)
seen "$answer"
[ "$answer" = "$expected" ] || changed "$answer"
