// `indexes`: those that the store needs with these options, and whether they are there.
import { EXIT } from '../failure.mjs'
import { Output } from '../output.mjs'
import { compared, createAll } from '../indexes.mjs'
import { openCollection, takesStore } from '../store-options.mjs'

/** MongoDB reads the whole collection to build one. */
const LONGEST_MS = 4 * 3_600_000

export function addIndexes(program) {
  const command = program
    .command('indexes')
    .summary('those that the store needs; create them')
    .description('show the indexes that the store needs with these options')
    .option('--create', 'create those that are missing')
  takesStore(command).action((options) => indexes(options, new Output(options)))
}

async function indexes({ create = false, ...options }, output) {
  const own = options.operationTimeout === undefined ? { operationTimeout: LONGEST_MS } : {}
  const collection = await openCollection(options, own)
  const missing = (await compared(collection)).filter(({ state }) => state === 'missing')
  if (create && missing.length > 0) {
    output.note(`Creating ${missing.map(({ name }) => name).join(', ')} …`)
    await createAll(collection, missing)
  }
  const found = await compared(collection)
  for (const index of found) await output.record(index)
  if (found.length === 0) await output.line('With these options the store needs no index.')
  else await output.table(['index', 'state', ''], found.map(rowOf))
  await collection.close()
  const troubled = found.filter(({ state }) => state !== 'there')
  if (troubled.length > 0) process.exitCode = EXIT.problems
}

function rowOf({ name, state, advice }) {
  return [name, state, advice ?? '']
}
