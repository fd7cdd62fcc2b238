// `users`: who is logged in, and how often.
import { OWNED, atMost, limitOf, tellOfMissingUsers } from '../entries.mjs'
import { Output, duration } from '../output.mjs'
import { SIMPLE, alive, inPrefix } from '../sessions.mjs'
import { openCollection, takesStore } from '../store-options.mjs'

export function addUsers(program) {
  const command = program
    .command('users')
    .summary('who is logged in')
    .description('list who is logged in, those with the most sessions first')
    .option(
      '--limit <number>',
      'how many users at most; 0 for all (default: 100, with --json all)',
      atMost,
    )
  takesStore(command).action((options) => users(options, new Output(options)))
}

async function users(options, output) {
  const collection = await openCollection(options)
  const most = limitOf(options)
  const limit = most === 0 ? [] : [{ $limit: most + 1 }]
  const { moment, lifetimeMs } = collection.layout
  const expiry = earliest(`$${moment}`)
  const documents = await collection.query({
    aggregate: collection.collection,
    pipeline: [
      { $match: { $and: [inPrefix(collection), alive(collection), OWNED] } },
      {
        $group: {
          _id: '$userId',
          sessions: { $sum: 1 },
          since: { $min: '$userSince' },
          moment: { $max: expiry },
          endless: { $max: { $eq: [expiry, null] } },
        },
      },
      { $sort: { sessions: -1, _id: 1 } },
      ...limit,
    ],
    // The server keeps on its disk what does not fit into its memory.
    allowDiskUse: true,
    collation: SIMPLE,
    cursor: {},
  })
  const isMore = limit.length > 0 && documents.length > most
  const shown = isMore ? documents.slice(0, most) : documents
  const rows = []
  for (const document of shown) {
    const { _id: user, sessions, since, moment: last, endless } = collection.parse(document)
    const expires = endless ? null : new Date(last.getTime() + lifetimeMs)
    await output.record({ user, sessions, since: since ?? null, expires })
    rows.push([user, sessions, expires === null ? 'never' : duration(expires - Date.now())])
  }
  if (rows.length > 0) await output.table(['user', 'sessions', 'expires in'], rows)
  else {
    output.note(`Nobody is logged in, in the collection '${collection.collection}'.`)
    await tellOfMissingUsers(collection, output)
  }
  if (isMore) output.note(`… and more: --limit 0 shows all`)
  await collection.close()
}

/** The earliest of the dates that a field holds, null without any: as for the store, that is when it expires. */
function earliest(field) {
  const dates = { $cond: [{ $isArray: field }, field, [field]] }
  return { $min: { $filter: { input: dates, cond: { $eq: [{ $type: '$$this' }, 'date'] } } } }
}
