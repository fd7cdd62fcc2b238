import { MongoSessionStore } from 'mongodb-session-store'

export const store = new MongoSessionStore({
  uri: process.env.MONGODB_URI ?? 'mongodb://localhost:27017/express_sessions',
})
store.on('info', console.log)
store.on('error', console.error)
