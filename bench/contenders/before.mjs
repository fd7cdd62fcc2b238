// This package as it was before: the folder that BENCH_BEFORE names, with a release build.
import { resolve } from 'node:path'
import { root } from '../../scripts/step.mjs'
import { contenderIn } from './mongodb-session-store.mjs'

export default {
  ...contenderIn(resolve(root, process.env.BENCH_BEFORE ?? '')),
  name: 'before',
  role: 'before',
}
