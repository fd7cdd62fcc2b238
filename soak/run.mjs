// `npm run soak -- --minutes 10 --seed 123 --setting moves`; see README.md.
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { isMain, main, root } from '../scripts/step.mjs'
import { soak } from './soak.mjs'

/** Soaks as the command line says, prints what came of it, and fails unless it was clean. */
export async function runSoak({ minutes: usual, settings, entry, env }) {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: usual },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      setting: { type: 'string', multiple: true, default: settings },
    },
  })
  const minutes = Number(values.minutes)
  const seed = Number(values.seed)
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error('--minutes wants a number up to 1440')
  if (!Number.isSafeInteger(seed)) throw new Error('--seed wants a whole number')
  console.log(`seed ${seed}, ${minutes} minutes`)

  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  const report = await soak({
    ...{ minutes, seed, entry, env },
    settings: values.setting,
    signal: stop.signal,
  })
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  console.log(String(report))
  if (stop.signal.aborted) throw new Error('The soak was interrupted')
  if (!report.isClean) throw new Error(`The soak found violations; --seed ${seed} repeats its load`)
}

if (isMain(import.meta)) {
  await main(() => runSoak({ minutes: '10', entry: join(root, 'index.mjs') }))
}
