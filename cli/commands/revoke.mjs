// `revoke`: ends sessions. Who had them is logged out with the next request.
import { isConfirmed, takesConfirmation } from '../confirm.mjs'
import { endSessions } from '../ending.mjs'
import { tellOfMissingUsers } from '../entries.mjs'
import { misuse } from '../failure.mjs'
import { Output, counted } from '../output.mjs'
import { count, followed, idsOf, isSession, unended } from '../sessions.mjs'
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
  // Since they were listed, some may have got new ids.
  const ids = await followed(collection, await idsOf(collection, named, output))
  const { id } = collection.layout
  const isNamed = handles.length > 0
  const chosen = isNamed ? { [id]: { $in: ids } } : { [id]: { $nin: ids } }
  const of = user === undefined ? {} : { userId: user }
  const total = await count(collection, { $and: [unended(collection), chosen, of] })
  const sessions = counted(total, 'session')
  let ended = 0
  const isGoing = await isConfirmed(options, { count: total, deed: `end ${sessions}` })
  if (isGoing) {
    const filter = { $and: [isSession(collection), of] }
    const which = isNamed ? { ids, spared: [] } : { spared: ids }
    ended = await endSessions(collection, filter, { ...which, total, output })
  }
  await output.record({ dryRun: !isGoing, sessions: total, ended })
  if (total + ended === 0) await output.line('No such session; nothing to do.')
  else if (isGoing) await output.line(`${counted(ended, 'session')} ended.`)
  else await output.line(`Nothing was done: ${sessions} would end. With --yes they do.`)
  if (user !== undefined && total + ended === 0) await tellOfMissingUsers(collection, output)
  await collection.close()
}
