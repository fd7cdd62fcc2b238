// `revoke`: ends sessions. Who had them is logged out with the next request.
import { isConfirmed, takesConfirmation } from '../confirm.mjs'
import { endAll } from '../ending.mjs'
import { tellOfMissingUsers } from '../entries.mjs'
import { misuse } from '../failure.mjs'
import { Output, counted } from '../output.mjs'
import { count, idsOf, unended } from '../sessions.mjs'
import { openCollection, takesStore } from '../store-options.mjs'

export function addRevoke(program) {
  const command = program
    .command('revoke [session...]')
    .summary('end sessions: these, or all of a user')
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
  const filter = { $and: [unended(collection), chosen, spared, of] }
  const total = await count(collection, filter)
  const sessions = counted(total, 'session')
  let ended = 0
  const isGoing = await isConfirmed(options, { count: total, deed: `end ${sessions}` })
  if (isGoing) ended = await endAll(collection, filter, total, output)
  await output.record({ dryRun: !isGoing, sessions: total, ended })
  if (total === 0) await output.line('No such session; nothing to do.')
  else if (isGoing) await output.line(`${counted(ended, 'session')} ended.`)
  else await output.line(`Nothing was done: ${sessions} would end. With --yes they do.`)
  if (user !== undefined && total === 0) await tellOfMissingUsers(collection, output)
  await collection.close()
}
