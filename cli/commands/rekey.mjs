// `rekey`: encrypts with the first key whatever is not.
import { isConfirmed, takesConfirmation } from '../confirm.mjs'
import { misuse } from '../failure.mjs'
import { Output, counted } from '../output.mjs'
import { update, walk } from '../rewrite.mjs'
import { openCollection, takesStore } from '../store-options.mjs'

export function addRekey(program) {
  const command = program
    .command('rekey')
    .summary('encrypt with the first key what is not')
    .description(
      'encrypt with the first of the keys in --config what is not; goes on where it stopped',
    )
  takesStore(takesConfirmation(command)).action((options) => rekey(options, new Output(options)))
}

async function rekey(options, output) {
  const collection = await openCollection(options)
  if (!collection.encrypts) {
    throw misuse(
      'which keys? Name a module with --config that exports { encryption: { keys: [first, …older] } }',
    )
  }
  const judge = async (document) => {
    const statement = await collection.rekey(document)
    return statement === null ? { outcome: 'already' } : { statement }
  }
  let outcomes
  let isGoing = options.yes === true && options.dryRun !== true
  if (!isGoing) {
    outcomes = await walk(collection, { output, label: 'looking', judge })
    const deed = `encrypt ${counted(outcomes.pending, 'session')} with the first key`
    isGoing = await isConfirmed(options, { count: outcomes.pending, deed })
  }
  if (isGoing) {
    const write = (left) => update(collection, left)
    outcomes = await walk(collection, { output, label: 'encrypting', judge, write })
  }
  await tell(outcomes, isGoing, output)
  await collection.close()
  process.exitCode = outcomes.exitCode
}

async function tell(outcomes, isGoing, output) {
  const { pending, done, changed, already, unreadable, names } = outcomes
  await output.record({
    ...{ dryRun: !isGoing, current: already, old: pending, rekeyed: done, changed },
    ...{ unreadable, unreadableSessions: names },
  })
  await output.line(`under the first key  ${already}`)
  await output.line(`not so               ${pending}`)
  if (isGoing) await output.line(`encrypted anew       ${done}`)
  if (changed > 0) await output.line(`changed meanwhile    ${changed}: run it again`)
  await output.line(`unreadable           ${outcomes.unreadableText}`)
  if (isGoing || pending === 0) return
  await output.line(
    `Nothing was done: with --yes ${counted(pending, 'session')} are encrypted anew.`,
  )
}
