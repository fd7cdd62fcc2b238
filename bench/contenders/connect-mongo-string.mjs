import { connectMongo } from './connect-mongo.mjs'

export default connectMongo({ format: 'string' })
