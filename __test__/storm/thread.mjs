// A thread that ends in the way that is asked for.
import { parentPort, workerData } from 'node:worker_threads'
import { WAYS } from './ways.mjs'

const { way, uri, ms } = workerData
if (way === 'close its port') {
  // A port with a listener keeps a thread alive until it is closed.
  parentPort.on('message', () => {})
  WAYS['end by itself'](uri)
  parentPort.close()
} else {
  await WAYS[way](uri, ms, () => parentPort.postMessage('busy'))
}
