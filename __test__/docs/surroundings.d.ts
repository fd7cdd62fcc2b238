// What stands around a block of the docs that is no program of its own: names that a reader takes for what they say.
import type { Application, Request, RequestHandler, Response } from 'express'
import type { SessionOptions, Store } from 'express-session'
import type { hkdfSync as hkdf } from 'node:crypto'
import type { Server } from 'node:http'
import type { MongoSessionStore as Class } from 'mongodb-session-store'

declare module 'express-session' {
  interface SessionData {
    views: number
    cart: { items: number }
    user: { id: string; name: string; tenant?: string }
    passport: { user: string }
    device: { browser: string; city: string }
    points: number
    renewedAt: number
    role: string
    own: string
  }
}

declare global {
  const MongoSessionStore: typeof Class
  const store: Class
  const session: (options: SessionOptions) => RequestHandler
  const app: Application
  const server: Server
  const req: Request
  const res: Response
  const uri: string
  const userId: string
  const key: Buffer
  const hkdfSync: typeof hkdf
  const findUser: (
    name: string,
    password: string,
  ) => Promise<{ id: string; name: string } | undefined>
  /** Of the page about the stores that sessions move in from. */
  const RedisStore: new (options: { client: object }) => Store
  const client: object
  const alarm: (text: string) => void
}
