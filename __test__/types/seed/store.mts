import { MongoSessionStore } from 'mongodb-session-store'

// create a store with default options and custom mongo uri
const uri = process.env.MONGODB_URI ?? 'mongodb://localhost/express_sessions'
export const store = new MongoSessionStore({ uri })

store.on('info', console.log)
store.on('error', console.error)
