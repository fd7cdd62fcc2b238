// This package, in which nobody can ever listen to a diagnostics channel.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageFolder } from '../harness/package-folder.mjs'
import { contenderIn } from './mongodb-session-store.mjs'

const contender = contenderIn(packageFolder)

export default {
  ...contender,
  name: 'without-channels',
  role: 'without',

  open(uri, options) {
    const channels = createRequire(join(packageFolder, 'index.cjs'))(
      './lib/observability/channels.cjs',
    )
    // Whoever asks gets this one.
    channels.isHeard = () => false
    return contender.open(uri, options)
  },
}
