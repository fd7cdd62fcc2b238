// `migrate`: makes sessions of this store of those that another package has stored.
import { createRequire } from 'node:module'
import { isConfirmed, takesConfirmation } from '../confirm.mjs'
import { misuse } from '../failure.mjs'
import { convertInPlace, copyInto, moveWithin } from '../migration.mjs'
import { Output, counted } from '../output.mjs'
import { walk } from '../rewrite.mjs'
import { configOf, maintain, openCollection, storeOptions, takesStore } from '../store-options.mjs'
import { compared } from '../indexes.mjs'

const require = createRequire(import.meta.url)

/** The packages, each with what makes options of the store of its own. */
const PEERS = {
  'connect-mongo': ({ uri, ...theirs }) => {
    const { toStoreOptions } = require('../../lib/adapters/connect-mongo/options.cjs')
    return toStoreOptions({ mongoUrl: uri, ...theirs }).options
  },
  'connect-mongodb-session': (theirs) => {
    const { toStoreOptions } = require('../../lib/adapters/connect-mongodb-session/options.cjs')
    return { ...toStoreOptions(theirs).own }
  },
  'express-session-mongodb': (theirs) => {
    const { toStoreOptions } = require('../../lib/adapters/express-session-mongodb/options.cjs')
    return { ...toStoreOptions(theirs).own }
  },
  // It takes a prefix and does not use it.
  '@iwsio/mongodb-express-session': ({ prefix: _prefix, ...theirs }) => theirs,
}

export function addMigrate(program) {
  const command = program
    .command('migrate')
    .summary('convert sessions of another package')
    .description('convert the sessions of another package, in place or into another collection')
    .requiredOption('--from <package>', Object.keys(PEERS).join(', '))
    .option('--fromConfig <file>', 'module that exports the options that the other package has')
    .option('--fromUri <uri>', 'where its sessions are (default: where those of the store are)')
    .option('--fromCollection <name>', 'their collection')
  takesStore(takesConfirmation(command)).action((options) => migrate(options, new Output(options)))
}

async function migrate(options, output) {
  const { from, fromConfig, fromUri, fromCollection, ...ours } = options
  if (!Object.hasOwn(PEERS, from)) {
    throw misuse(`--from must be one of ${Object.keys(PEERS).join(', ')}, got '${from}'`)
  }
  const given = await storeOptions(ours)
  const theirs = fromConfig === undefined ? {} : await configOf(fromConfig)
  const sourceOptions = PEERS[from](placed(theirs, given, { fromUri, fromCollection }))
  const target = await openCollection(ours)
  const source = maintain(sourceOptions)
  const [there, here] = await Promise.all([namespaceOf(source), namespaceOf(target)])
  const isSame = there === here && fromUri === undefined
  output.note(isSame ? `Converting ${here} in place.` : `Copying from ${there} to ${here}.`)
  const way = wayOf(source, target, isSame)
  let outcomes
  let isGoing = options.yes === true && options.dryRun !== true
  if (!isGoing) {
    outcomes = await walk(source, { output, label: 'looking', judge: way.judge })
    const deed = `${isSame ? 'convert' : 'copy'} ${counted(outcomes.pending, 'session')}`
    isGoing = await isConfirmed(options, { count: outcomes.pending, deed })
  }
  if (isGoing) outcomes = await walk(source, { output, label: 'migrating', ...way })
  await tell(outcomes, { isGoing, from, there, here }, output)
  if (isGoing) await tellOfIndexes(target, output)
  await Promise.all([source.close(), target.close()])
  process.exitCode = outcomes.exitCode
}

/** Where the other package's sessions are: said for it, or the same place as for the store. */
function placed(theirs, given, { fromUri, fromCollection }) {
  const options = { ...theirs }
  const hasPlace = ['uri', 'url', 'mongoUrl', 'client', 'clientPromise', 'db', 'mongooseConnection']
  if (fromUri !== undefined) {
    for (const name of hasPlace) delete options[name]
    options.uri = fromUri
  } else if (!hasPlace.some((name) => options[name] !== undefined)) {
    if (given.uri === undefined && given.client === undefined) {
      throw misuse('where are the sessions? Say so with --uri or MONGODB_URI')
    }
    options.uri = given.uri
    if (given.client !== undefined) options.client = given.client
    if (given.dbName !== undefined) options.dbName ??= given.dbName
  }
  const names = ['collectionName', 'CollectionName', 'collection']
  if (fromCollection !== undefined) {
    for (const name of names) delete options[name]
    options.collection = fromCollection
  } else if (given.collection !== undefined && !names.some((name) => options[name] !== undefined)) {
    options.collection = given.collection
  }
  for (const name of Object.keys(options)) if (options[name] === undefined) delete options[name]
  return options
}

/** Database and collection, as the server calls them. */
async function namespaceOf(collection) {
  const find = { find: collection.collection, projection: { _id: 1 }, limit: 1, singleBatch: true }
  const { cursor } = await collection.command(find)
  return cursor.ns
}

function wayOf(source, target, isSame) {
  if (!isSame) return copyInto(source, target)
  if (source.layout.id !== target.layout.id) return moveWithin(source, target)
  if (source.prefix !== target.prefix || target.layout.hashIds || target.transformsIds) {
    throw misuse(
      'in place the ids stay as they are, so there can be no other prefix and no hashIds or transformId: ' +
        'name another --collection',
    )
  }
  if (source.hasUnserialize) {
    throw misuse(
      "what 'unserialize' makes of a session cannot be told from what it was, so that a second run would " +
        'convert it twice: name another --collection',
    )
  }
  return convertInPlace(source, target)
}

async function tell(outcomes, { isGoing, from, there, here }, output) {
  const { pending, done, changed, already, expired, unreadable, names } = outcomes
  await output.record({
    ...{ dryRun: !isGoing, from, source: there, target: here, pending, migrated: done, changed },
    ...{ already, expired, unreadable, unreadableSessions: names },
  })
  await output.line(`to be migrated     ${pending}`)
  if (isGoing) await output.line(`migrated           ${done}`)
  if (changed > 0) await output.line(`changed meanwhile  ${changed}: run it again`)
  await output.line(`there already      ${already}`)
  await output.line(`ended or expired   ${expired}, left as they are`)
  await output.line(`unreadable         ${outcomes.unreadableText}`)
  if (isGoing || pending === 0) return
  await output.line(`Nothing was done: with --yes ${counted(pending, 'session')} are migrated.`)
}

async function tellOfIndexes(target, output) {
  const missing = (await compared(target)).filter(({ state }) => state !== 'there')
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name).join(', ')
  output.note(`! Not there as the store needs it: ${names}. See "indexes" with the same options.`)
}
