// `list`: the sessions that are alive.
import { atMost, entryOf, limitOf, projectionOf, tellOfMissingUsers } from '../entries.mjs'
import { Output, bytes, duration } from '../output.mjs'
import { alive, pages } from '../sessions.mjs'
import { openCollection, takesStore } from '../store-options.mjs'

export function addList(program) {
  const command = program
    .command('list')
    .summary('the sessions, by their handles')
    .description(
      'list sessions by their handles, which "show" and "revoke" take; never by their ids',
    )
    .option('--user <user>', 'only the sessions of this user')
    .option(
      '--limit <number>',
      'how many at most; 0 for all (default: 100, with --json all)',
      atMost,
    )
  takesStore(command).action((options) => list(options, new Output(options)))
}

const HEAD = ['session', 'user', 'expires in', 'size', 'stored as']

async function list({ user, ...options }, output) {
  const limit = limitOf(options)
  const collection = await openCollection(options)
  const of = user === undefined ? {} : { userId: user }
  const filter = { $and: [alive(collection), of] }
  let shown = 0
  let isMore = false
  let isFirst = true
  for await (const page of pages(collection, { filter, projection: projectionOf(collection) })) {
    const left = limit === 0 ? page.length : limit - shown
    const sessions = page.slice(0, left).map((document) => entryOf(collection, document))
    for (const session of sessions) await output.record(session)
    const rows = sessions.map(rowOf)
    if (rows.length > 0 && !output.isJson) await output.table(isFirst ? HEAD : null, rows)
    isFirst = false
    shown += sessions.length
    isMore = page.length > left
    if (isMore) break
  }
  if (isMore) output.note(`… and more: --limit 0 shows all`)
  if (shown === 0) {
    const whose = user === undefined ? '' : ' of this user'
    output.note(`No session${whose} in the collection '${collection.collection}'.`)
    if (user !== undefined) await tellOfMissingUsers(collection, output)
  }
  await collection.close()
}

function rowOf({ session, user, expires, size, storedAs }) {
  const left = expires === null ? 'never' : duration(expires - Date.now())
  return [session, user ?? '-', left, bytes(size), storedAs]
}
