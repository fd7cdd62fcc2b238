// The indexes that the store needs with its options, and those that are there.
import { refused } from './sessions.mjs'

const ABSENT =
  'a store creates it when it starts, if it has the right to; else run "indexes --create" as somebody who has'

/** The indexes that are needed, each with its state: there, missing, or there with other options. */
export async function compared(collection) {
  const there = await existing(collection)
  return collection.layout.indexes.map((wanted) => {
    const { name, fields } = wanted
    const same = there.filter(({ key }) => Object.keys(key).join() === fields.join())
    if (same.some((index) => isGood(index, wanted))) return { name, state: 'there' }
    if (same.length === 0) {
      return { name, state: 'missing', advice: ABSENT, wanted }
    }
    const advice = `${said(same[0])}, but should be ${said(settings(wanted))}: drop '${same[0].name}', then run "indexes --create"`
    return { name, state: 'different', advice, wanted }
  })
}

/** One with a filter or a collation of its own is of no use for the store. */
function isGood(index, wanted) {
  const { expireAfterSeconds, unique, sparse } = settings(wanted)
  const isSame =
    index.expireAfterSeconds === expireAfterSeconds &&
    (!unique || index.unique === true) &&
    (index.sparse === true) === (sparse === true)
  return isSame && index.partialFilterExpression === undefined
}

function settings({ expireAfterSeconds, unique, sparse }) {
  return {
    ...(expireAfterSeconds !== null && { expireAfterSeconds }),
    ...(unique && { unique }),
    ...(sparse && { sparse }),
  }
}

function said({ expireAfterSeconds, unique, sparse, partialFilterExpression }) {
  const told = { expireAfterSeconds, unique, sparse, partialFilterExpression }
  const text = JSON.stringify(told)
  return text === '{}' ? 'plain' : text
}

async function existing(collection) {
  try {
    const documents = await collection.query({ listIndexes: collection.collection, cursor: {} })
    return documents.map((document) => collection.parse(document))
  } catch (error) {
    // There is no collection yet.
    if (error.mongoCode === 26) return []
    throw error
  }
}

/** Creates what is missing. */
export async function createAll(collection, missing) {
  const indexes = missing.map(({ name, wanted }) => ({
    key: Object.fromEntries(wanted.fields.map((field) => [field, 1])),
    name,
    ...settings(wanted),
    // Of moments no collation says anything.
    ...(wanted.expireAfterSeconds === null && { collation: { locale: 'simple' } }),
  }))
  const reply = await collection.command(
    { createIndexes: collection.collection, indexes },
    { writes: true },
  )
  if (reply.ok !== 1) throw refused(reply)
}
