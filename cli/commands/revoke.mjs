// `revoke`: ends sessions. Who had them is logged out with the next request.
import { isConfirmed, takesConfirmation } from '../confirm.mjs'
import { endAll } from '../ending.mjs'
import { misuse } from '../failure.mjs'
import { Output, counted } from '../output.mjs'
import { count, idsOf, unflagged } from '../sessions.mjs'
import { openCollection, takesStore } from '../store-options.mjs'

export function addRevoke(program) {
  const command = program
    .command('revoke [session...]')
    .description('end sessions: by their handles in "list", of a user, or all')
    .option('--user <user>', 'all sessions of this user')
    .option('--all', 'all sessions of the prefix')
    .option('--except <session>', 'but for this one, by its handle; with --user or --all')
  takesStore(takesConfirmation(command)).action((handles, options) =>
    revoke(handles, options, new Output(options)),
  )
}

async function revoke(handles, { user, all = false, except, ...options }, output) {
  const ways = [handles.length > 0, user !== undefined, all].filter(Boolean).length
  if (ways !== 1) {
    throw misuse('which sessions? Name their handles, or give --user or --all, one of them')
  }
  if (except !== undefined && handles.length > 0) throw misuse('--except goes with --user or --all')
  const collection = await openCollection(options)
  const named = except === undefined ? handles : [except]
  const ids = await idsOf(collection, named, output)
  const { id } = collection.layout
  const chosen = except === undefined && ids.length > 0 ? { [id]: { $in: ids } } : {}
  const spared = except === undefined ? {} : { [id]: { $ne: ids[0] } }
  const of = user === undefined ? {} : { userId: user }
  const filter = { $and: [unflagged(collection), chosen, spared, of] }
  const total = await count(collection, filter)
  const sessions = counted(total, 'session')
  let ended = 0
  const isGoing = await isConfirmed(options, { count: total, deed: `end ${sessions}` })
  if (isGoing) ended = await endAll(collection, filter, total, output)
  await output.record({ dryRun: !isGoing, sessions: total, ended })
  if (isGoing) await output.line(`${counted(ended, 'session')} ended.`)
  else await output.line(dry(sessions, total))
  await collection.close()
}

/** What is said where nothing has been done. */
function dry(sessions, total) {
  return total === 0
    ? 'No such session; nothing to do.'
    : `Nothing was done: ${sessions} would end. With --yes they do.`
}
