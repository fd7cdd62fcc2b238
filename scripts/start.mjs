// `npm start`: sets up, finds or starts a MongoDB, and runs the demo until Ctrl-C.
import { withoutSecrets } from './mongodb-uri.mjs'
import { setup } from './setup.mjs'
import { main } from './step.mjs'

await main(async () => {
  await setup()

  // Imported only here: both need the dependencies that setup installed.
  const { provideMongodb } = await import('./mongodb.mjs')
  // Of one member: only a replica set tells by itself what happens to sessions.
  const mongodb = await provideMongodb({ replicaSet: 1 })
  try {
    process.env.MONGODB_URI = mongodb.uri
    // Only one that was started here may stand still for a while.
    if (mongodb.pid) process.env.DEMO_MONGOD_PID = mongodb.pid
    else delete process.env.DEMO_MONGOD_PID
    console.log(`\n  Database  ${withoutSecrets(mongodb.uri)}`)
    const { closed } = await import('../demo/web.mjs')
    await closed
  } finally {
    await mongodb.stop()
  }
})
