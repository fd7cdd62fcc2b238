// A thread that is busy until someone ends it. It reports that it has begun, or first got an answer.
import { parentPort, workerData } from 'node:worker_threads'
import { busyStore } from './support.mjs'

const answer = busyStore(workerData.uri)
if (workerData.waits) await answer
parentPort.postMessage('busy')
