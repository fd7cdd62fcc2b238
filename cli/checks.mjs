// What `doctor` looks at. Each check answers pairs of a state and a message.
import { compared } from './indexes.mjs'
import { counted, duration } from './output.mjs'
import { count, expired, handleOf, idOf, inPrefix } from './sessions.mjs'

/** The oldest that the driver of this package speaks to, by its first two numbers. */
const OLDEST = [4, 2]

/** MongoDB's TTL monitor runs each minute, and takes as long as it takes. */
const LATE_MS = 10 * 60_000

/** By so much the clocks may differ before anybody notices. */
const SKEW_MS = 2000

const SLOW_MS = 50

/** How many documents are looked at for what would fail. */
const SAMPLE = 200

export const CHECKS = {
  async connection(collection) {
    const { setName, msg, isWritablePrimary } = await collection.command({ hello: 1 })
    const kind = msg === 'isdbgrid' ? 'a mongos' : setName ? `replica set ${setName}` : 'one server'
    const to = `${kind}, collection ${collection.database}.${collection.collection}`
    return isWritablePrimary === false
      ? [['problem', `${to}: this server takes no writes`]]
      : [['good', to]]
  },

  async version(collection) {
    const { version, versionArray } = await collection.command({ buildInfo: 1 })
    const [major, minor] = versionArray
    const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
    if (isOld) return [['problem', `MongoDB ${version} is older than ${OLDEST.join('.')}`]]
    const hasSizes = major > 4 || minor >= 4
    return hasSizes
      ? [['good', `MongoDB ${version}`]]
      : [['warning', `MongoDB ${version}: "list", "show" and "stats" need 4.4`]]
  },

  async latency(collection) {
    const times = []
    for (let round = 0; round < 21; round++) {
      const start = performance.now()
      await collection.command({ ping: 1 })
      times.push(performance.now() - start)
    }
    times.sort((a, b) => a - b)
    const message = `${times[10].toFixed(1)} ms median, ${times[20].toFixed(1)} ms at most`
    const isSlow = times[10] > SLOW_MS
    return isSlow
      ? [['warning', `${message}: each request waits for it at least once`]]
      : [['good', message]]
  },

  async clock(collection) {
    const start = Date.now()
    const { localTime } = await collection.command({ hello: 1 })
    const end = Date.now()
    const ahead = localTime.getTime() - (start + end) / 2
    const by = duration(Math.abs(ahead))
    if (Math.abs(ahead) <= SKEW_MS + (end - start) / 2) {
      return [['good', `within ${by} of this one`]]
    }
    const where = ahead > 0 ? 'ahead of' : 'behind'
    return [
      [
        'problem',
        `the server is ${by} ${where} this machine: it deletes sessions by its own clock, and the store ends ` +
          'them by that of the application; set both by NTP',
      ],
    ]
  },

  async rights(collection) {
    const may = await rightsOn(collection)
    if (may === undefined) {
      return [
        ['warning', 'nobody is logged in; without access control anybody may read the sessions'],
      ]
    }
    const lacking = (actions) => actions.filter((action) => !may.has(action)).join(', ')
    const results = []
    const needed = lacking(['find', 'insert', 'update', 'remove'])
    if (needed !== '') results.push(['problem', `the store needs ${needed}; grant readWrite`])
    const useful = lacking(['createIndex', 'listIndexes', 'listCollections'])
    if (useful !== '') {
      results.push(['warning', `no right to ${useful}: create the indexes as somebody who may`])
    }
    return results.length > 0 ? results : [['good', 'all that the store needs']]
  },

  async watch(collection) {
    if (!collection.isWatched) return []
    const { setName, msg } = await collection.command({ hello: 1 })
    if (setName === undefined && msg !== 'isdbgrid') {
      return [
        [
          'warning',
          'one server has no change streams: the ids and moments of all sessions are read instead, about once a ' +
            'second; a replica set, also of one member, has them',
        ],
      ]
    }
    const may = await rightsOn(collection)
    return may === undefined || may.has('changeStream')
      ? [['good', 'a change stream tells of sessions that end']]
      : [
          [
            'problem',
            'no right to changeStream: nobody is told of sessions that end; grant readWrite',
          ],
        ]
  },

  async indexes(collection) {
    const found = await compared(collection)
    if (found.length === 0) {
      return [['warning', 'with these options nobody deletes expired sessions here']]
    }
    return found.map(({ name, state, advice }) =>
      state === 'there'
        ? ['good', `${name} is there`]
        : ['problem', `${name} is ${state}: ${advice}`],
    )
  },

  async collation(collection) {
    const [document] = await collection.query({
      listCollections: 1,
      filter: { name: collection.collection },
      cursor: {},
    })
    if (document === undefined) return [['warning', 'there is no such collection yet']]
    const { options } = collection.parse(document)
    const locale = options?.collation?.locale
    return locale === undefined
      ? [['good', 'ids are compared byte by byte']]
      : [
          [
            'warning',
            `the collection compares by the language ${locale}, which makes lists slow, and with a strength below ` +
              '3 mixes up sessions: use a collection without a default collation',
          ],
        ]
  },

  async removal(collection) {
    const late = expired(collection, Date.now() - LATE_MS)
    const left = await count(collection, late)
    return left === 0
      ? [['good', 'no expired session is left behind']]
      : [
          [
            'warning',
            `${counted(left, 'session')} expired more than ${duration(LATE_MS)} ago and nobody has deleted them: ` +
              'see the indexes above, or run "purge"',
          ],
        ]
  },

  async sessions(collection) {
    const documents = await collection.query({
      find: collection.collection,
      filter: inPrefix(collection),
      limit: SAMPLE,
      singleBatch: true,
    })
    if (documents.length === 0) return [['warning', `there is none${otherwise(collection)}`]]
    const failures = new Map()
    let texts = 0
    for (const document of documents) {
      try {
        const read = await collection.read(document)
        if (read?.isText && collection.writesDocuments) texts++
      } catch (error) {
        const known = failures.get(error.code) ?? { message: error.message, handles: [] }
        known.handles.push(handleOf(idOf(collection, document)))
        failures.set(error.code, known)
      }
    }
    const of = `of the first ${documents.length}`
    const results = [...failures].map(([code, { message, handles }]) => [
      'problem',
      `${handles.length} ${of} cannot be read with these options: ${message} (${code}; ` +
        `${handles.slice(0, 3).join(', ')}${handles.length > 3 ? ', …' : ''})`,
    ])
    if (texts > 0) {
      const advice = 'they are read, and become documents when they are saved; see "migrate"'
      results.push(['warning', `${texts} ${of} are stored as texts: ${advice}`])
    }
    return results.length > 0 ? results : [['good', `the first ${documents.length} can be read`]]
  },
}

function otherwise({ prefix }) {
  return prefix === '' ? '' : ` whose id begins with '${prefix}'`
}

/** What the user may do with the collection; undefined if nobody is logged in. */
async function rightsOn(collection) {
  const { authInfo } = await collection.command({ connectionStatus: 1, showPrivileges: true })
  return authInfo.authenticatedUsers.length === 0
    ? undefined
    : actionsOf(authInfo.authenticatedUserPrivileges, collection)
}

/** What privileges allow on the collection. An empty name in a privilege stands for any. */
function actionsOf(privileges, sessions) {
  const isMeant = ({ anyResource, db, collection }) =>
    anyResource === true ||
    ((db === sessions.database || db === '') &&
      (collection === sessions.collection || collection === ''))
  const meant = privileges.filter(({ resource }) => isMeant(resource))
  const actions = new Set(meant.flatMap(({ actions }) => actions))
  return actions.has('anyAction') ? { has: () => true } : actions
}
