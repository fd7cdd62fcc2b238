// What TypeScript accepts and refuses of the adapter in an ES module. Nothing here is run.
import Store from 'mongodb-session-store/express-session-mongodb'

Store(
  { databaseName: 'app' },
  async (error, store) => {
    const flagged: number = await store.FlagDeletion('sid')
    store.FlagDeletion(null, (error, flagged) => console.log(error, flagged?.toFixed()))
    store.Cleanup((error, removed) => console.log(error, removed?.toFixed()))
    console.log(error, flagged, await store.length())
  },
  { CollectionName: 'Sessions', IndexSessionID: true, TimeToLive: 60, Filter: true },
)
const store: Store = new Store({ databaseName: 'app' }, null, {
  DeleteFlags: true,
  prefix: 'a:',
  ttl: 60_000,
})

new Store({}, null, { TimeToLive: null, CollectionName: process.env.COLLECTION, Filter: undefined })

// @ts-expect-error a handle is needed
new Store()
// @ts-expect-error an option in other letters
new Store({}, null, { timeToLive: 60 })
// @ts-expect-error all sessions are flagged by a null alone
await store.FlagDeletion()

export { store }
