// Ends in one of several ways: `exit.mjs URI idle|pending|exit|throw`.
import { MongoSessionStore } from '../../../index.mjs'
import { newSession } from '../world.mjs'

const [, , uri, way] = process.argv
const store = new MongoSessionStore({ uri })

if (way === 'idle') {
  await store.set('sid', newSession({ user: 'ada' }))
  console.log((await store.get('sid')).user)
} else if (way === 'pending') {
  store.get('sid', () => console.log('answered'))
} else {
  await store.ping()
  for (let index = 0; index < 100; index++) {
    store.set(`sid-${index % 10}`, newSession({ index }), () => {})
  }
  setImmediate(() => {
    if (way === 'exit') process.exit(7)
    throw new Error('the application failed')
  })
}
