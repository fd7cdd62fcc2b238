// `users`: who is logged in, and how often.
import { Output, counted, duration } from '../output.mjs'
import { SIMPLE, alive, inPrefix } from '../sessions.mjs'
import { openCollection, takesStore } from '../store-options.mjs'
import { atMost } from '../entries.mjs'

export function addUsers(program) {
  const command = program
    .command('users')
    .description('list who is logged in, those with the most sessions first')
    .option('--limit <number>', 'how many users at most; 0 for all', atMost, 100)
  takesStore(command).action((options) => users(options, new Output(options)))
}

async function users(options, output) {
  const collection = await openCollection(options)
  const limit = options.limit === 0 ? [] : [{ $limit: options.limit + 1 }]
  const { moment, lifetimeMs } = collection.layout
  const documents = await collection.query({
    aggregate: collection.collection,
    pipeline: [
      { $match: { $and: [inPrefix(collection), alive(collection), OWNED] } },
      {
        $group: {
          _id: '$userId',
          sessions: { $sum: 1 },
          since: { $min: '$userSince' },
          moment: { $max: `$${moment}` },
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
  const isMore = limit.length > 0 && documents.length > options.limit
  const shown = isMore ? documents.slice(0, options.limit) : documents
  const rows = []
  for (const document of shown) {
    const { _id: user, sessions, since, moment: last } = collection.parse(document)
    const expires = last instanceof Date ? new Date(last.getTime() + lifetimeMs) : null
    await output.record({ user, sessions, since: since ?? null, expires })
    rows.push([user, sessions, expires === null ? 'never' : duration(expires - Date.now())])
  }
  if (rows.length > 0) await output.table(['user', 'sessions', 'expires in'], rows)
  else output.note(await noUsers())
  if (isMore) output.note(`… and more: --limit 0 shows all`)
  if (rows.length > 0) output.note(counted(rows.length, 'user'))
  await collection.close()
}

/** The store writes whose a session is with the option `userId`. */
const OWNED = { userId: { $type: 'string' } }

function noUsers() {
  return (
    'No session says whose it is: the application needs the option userId of the store, and ' +
    'a session counts from its next save on.'
  )
}
