// A process that ends in the midst of its work, by the way that is asked for.
import { busyStore } from './support.mjs'

const [uri, way] = process.argv.slice(2)
const answer = busyStore(uri)
switch (way) {
  case 'exit while it connects':
    process.exit(0)
    break
  case 'exit':
    await answer
    process.exit(0)
    break
  case 'throw':
    await answer
    throw new Error('the application failed')
}
