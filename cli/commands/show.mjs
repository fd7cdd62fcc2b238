// `show`: what a session holds.
import { inspect } from 'node:util'
import { EXIT, Failure } from '../failure.mjs'
import { BIDI, Output, bytes, duration, printable } from '../output.mjs'
import { SIMPLE, followed, idsOf } from '../sessions.mjs'
import { openCollection, takesStore } from '../store-options.mjs'
import { entryOf, projectionOf } from '../entries.mjs'

export function addShow(program) {
  const command = program
    .command('show <session>')
    .summary('what a session holds')
    .description('show what a session holds, by its handle in "list"; encrypted ones need --config')
  takesStore(command).action((handle, options) => show(handle, options, new Output(options)))
}

async function show(handle, options, output) {
  const collection = await openCollection(options)
  // Since it was listed, it may have got a new id.
  const id = (await followed(collection, await idsOf(collection, [handle], output))).at(-1)
  const [entry, document] = await documentOf(collection, id)
  const read = await collection.read(document)
  if (read === null) {
    throw new Failure(EXIT.missing, 'ERR_CLI_SESSION', `the session ${handle} has ended or expired`)
  }
  if (output.isJson) {
    const { EJSON } = await import('bson')
    const session = EJSON.serialize(read.session, { relaxed: true })
    await output.record({ ...entry, contents: session })
  } else {
    const { session, user, expires, size, storedAs } = entry
    const left = expires === null ? 'never' : `in ${duration(expires - Date.now())}`
    await output.line(`session  ${session}, ${bytes(size)} as ${storedAs}`)
    await output.line(`user     ${printable(user ?? '-')}`)
    await output.line(`expires  ${left}${expires === null ? '' : `, at ${expires.toISOString()}`}`)
    // It writes out all other characters of control that a session holds.
    const look = { depth: null, colors: hasColors(), maxStringLength: null }
    await output.line(printable(inspect(read.session, look), BIDI))
  }
  await collection.close()
}

/** Not in a pipe, and not where NO_COLOR or the terminal's kind says otherwise. */
function hasColors() {
  return process.stdout.isTTY === true && process.stdout.hasColors()
}

async function documentOf(collection, id) {
  const find = (projection) =>
    collection.query({
      find: collection.collection,
      filter: { [collection.layout.id]: id },
      ...(projection && { projection: { [collection.layout.id]: 1, ...projection } }),
      limit: 1,
      singleBatch: true,
      collation: SIMPLE,
    })
  const [known] = await find(projectionOf(collection))
  const [document] = await find()
  if (known === undefined || document === undefined) {
    throw new Failure(EXIT.missing, 'ERR_CLI_SESSION', 'the session has been ended just now')
  }
  return [entryOf(collection, known), document]
}
