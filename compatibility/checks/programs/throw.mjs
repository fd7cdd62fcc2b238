// Two of fifty callbacks throw: `throw.mjs URI`.
import { MongoSessionStore } from '../../../index.mjs'

const store = new MongoSessionStore({ uri: process.argv[2] })
let thrown = ''
process.on('uncaughtException', (error) => (thrown += `${error.message} `))

let answers = 0
for (let index = 0; index < 50; index++) {
  store.get(`sid-${index}`, () => {
    answers++
    if (index === 3 || index === 30) throw new Error('thrown')
  })
}
await store.get('last')
await store.close()
console.log(`${thrown}${answers} answers`)
