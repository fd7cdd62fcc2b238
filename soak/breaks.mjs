// `npm run soak:breaks`: whether the models find what is broken on purpose; `-- --break <beginning>` for some of it.
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isMain, main } from '../scripts/step.mjs'
import { BREAKS } from './broken-stores.mjs'
import { Report, shorten } from './report.mjs'
import { soak } from './soak.mjs'

const ENTRY = fileURLToPath(new URL('broken-store.mjs', import.meta.url))

/** How long a break has to be found, unless it says otherwise. */
const MINUTES = 0.5

/** A report that ends the soak with the first violation of the wanted kind. */
class Finding extends Report {
  #wanted
  #end = new AbortController()
  /** What was found, and what else. */
  what
  others = []

  constructor(wanted, options) {
    super({ ...options, console: { log() {}, error() {} } })
    this.#wanted = wanted
  }

  get signal() {
    return this.#end.signal
  }

  violation(kind, what) {
    const line = shorten(what).split('\n', 1)[0].slice(0, 300)
    if (kind !== this.#wanted) return void this.others.push(`${kind}: ${line}`)
    this.what ??= line
    this.#end.abort()
  }
}

/** What the soak finds of a store that is broken in this way, within some minutes; nothing if its `what` is undefined. */
export async function find(name, seed, minutes = BREAKS[name].minutes ?? MINUTES) {
  const { setting, finds, faults } = BREAKS[name]
  const report = new Finding(finds, { minutes, seed })
  await soak({
    ...{ minutes, seed, faults, report, entry: ENTRY, signal: report.signal },
    settings: [setting],
    env: { SOAK_BREAK: name },
  })
  return report
}

async function findAll() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      break: { type: 'string', default: '' },
    },
  })
  console.log(`seed ${values.seed}`)
  const names = Object.keys(BREAKS).filter((name) => name.startsWith(values.break))
  const missed = []
  for (const name of names) {
    const { what, others } = await find(name, Number(values.seed))
    console.log(
      `${what ? '✓' : '✗'} ${name}\n    ${[what ?? 'not found', ...others].join('\n    ')}`,
    )
    if (what === undefined) missed.push(name)
  }
  if (missed.length > 0) {
    throw new Error(`${missed.length} of ${names.length} breaks were not found`)
  }
}

if (isMain(import.meta)) await main(findAll)
