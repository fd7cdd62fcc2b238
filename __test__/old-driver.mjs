// express-session-mongodb was written for version 1.4 of the official driver, which neither builds on
// a current Node nor speaks to a current server. It only uses the handle that it is given; this one
// has the methods of that time, each of which is a method of a current Db or Collection. So the
// package itself is the real one, and so are the driver and the server.
import PeerStore from 'express-session-mongodb'

/** Its options that decide what it stores. */
export const FORMS = {
  'the defaults': {},
  TimeToLive: { TimeToLive: 60, IndexSessionID: true },
  Filter: { Filter: true },
  'TimeToLive and Filter': { TimeToLive: 60, IndexSessionID: true, Filter: true },
}

/** Cookies of sessions, which it stores as well. */
export const COOKIES = { 'a session cookie': {}, 'a cookie with a lifetime': { maxAge: 60_000 } }

/** A store of express-session-mongodb that is ready. */
export function openPeer(db, options) {
  return new Promise((resolve, reject) => {
    PeerStore(oldHandle(db), (error, store) => (error ? reject(error) : resolve(store)), options)
  })
}

/** A handle of the database with the methods of the old driver that the package calls. */
export function oldHandle(db) {
  const open = (name) => oldCollection(db.collection(name))
  return {
    createCollection(name, _options, callback) {
      settle(
        create(db, name).then(() => open(name)),
        callback,
      )
    },
    collection(name, callback) {
      settle(Promise.resolve(open(name)), callback)
    },
  }
}

/** At that time it was no error if there was one already. */
async function create(db, name) {
  try {
    await db.createCollection(name)
  } catch (error) {
    if (error.codeName !== 'NamespaceExists') throw error
  }
}

function oldCollection(collection) {
  return {
    ensureIndex(keys, { w: _w, ...options }, callback) {
      settle(collection.createIndex(keys, options), callback)
    },
    update(filter, update, { multi, upsert = false }, callback) {
      const updating = multi
        ? collection.updateMany(filter, update, { upsert })
        : collection.updateOne(filter, update, { upsert })
      const countOf = ({ matchedCount, upsertedCount }) => matchedCount + upsertedCount
      settle(updating.then(countOf), callback)
    },
    findOne(filter, callback) {
      settle(collection.findOne(filter), callback)
    },
    findAndModify(filter, sort, update, _options, callback) {
      const options = { sort: Object.fromEntries(sort), returnDocument: 'after' }
      settle(collection.findOneAndUpdate(filter, update, options), callback)
    },
    remove(filter, callback) {
      settle(
        collection.deleteMany(filter).then(({ deletedCount }) => deletedCount),
        callback,
      )
    },
    count(filter, callback) {
      settle(collection.countDocuments(filter), callback)
    },
    drop(callback) {
      settle(collection.drop(), callback)
    },
  }
}

function settle(promise, callback) {
  promise.then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error),
  )
}
