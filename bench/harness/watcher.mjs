// A process that does nothing but keep a store open, with the option watch or without it; see bench/watch.mjs.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageFolder } from './package-folder.mjs'

const { MongoSessionStore } = await import(pathToFileURL(join(packageFolder, 'index.mjs')).href)
const store = new MongoSessionStore(JSON.parse(process.argv[2]))
store.on('error', (error) => console.error(error.message))
store.on('warning', (error) => console.error(error.message))
store.on('revoked', ({ id }) => process.send({ revoked: id }))
await store.ping()

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpu: user + system })
})
process.once('disconnect', () => store.close())
process.send('ready')
