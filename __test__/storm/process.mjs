// A process that ends in the way that is asked for.
import { WAYS } from './ways.mjs'

const [way, uri, ms] = process.argv.slice(2)
await WAYS[way](uri, Number(ms), () => process.stdout.write('busy\n'))
