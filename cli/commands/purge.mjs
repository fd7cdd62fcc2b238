// `purge`: deletes expired sessions that are still in the collection.
import { isConfirmed, takesConfirmation } from '../confirm.mjs'
import { endAll } from '../ending.mjs'
import { Output, counted } from '../output.mjs'
import { count, expired } from '../sessions.mjs'
import { openCollection, takesStore } from '../store-options.mjs'

export function addPurge(program) {
  const command = program
    .command('purge')
    .summary('delete what has expired')
    .description(
      'delete sessions that have expired; MongoDB does so itself where the TTL index is, see "indexes"',
    )
  takesStore(takesConfirmation(command)).action((options) => purge(options, new Output(options)))
}

async function purge(options, output) {
  // What has expired, and what was flagged long enough ago, is deleted and not flagged.
  const collection = await openCollection(options, { deleteFlags: false })
  const filter = expired(collection)
  const total = await count(collection, filter)
  const sessions = counted(total, 'expired session')
  const isGoing = await isConfirmed(options, { count: total, deed: `delete ${sessions}` })
  const deleted = isGoing ? await endAll(collection, filter, total, output) : 0
  await output.record({ dryRun: !isGoing, sessions: total, deleted })
  if (total === 0) await output.line('No session has expired; nothing to do.')
  else if (isGoing) await output.line(`${counted(deleted, 'expired session')} deleted.`)
  else await output.line(`Nothing was done: ${sessions} would be deleted. With --yes they are.`)
  await collection.close()
}
