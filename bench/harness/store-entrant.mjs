import { start } from './child.mjs'

/** Enters a contender for a store trial: a process of its own, which waits until it is its turn. */
export async function enterStoreTrial({ trial }, { file, contender, database, timing }) {
  const { hasTransactions } = (await import(`../trials/${trial}.mjs`)).default
  if (hasTransactions) database = await database.replicaSet()
  const inDatabase = contender.role !== 'reference'
  const mongodPid = inDatabase ? database.pid : undefined
  const child = start('./store-process.mjs', { ...timing, trial, contender: file, mongodPid })
  const { mainThreadMethod } = await child.message('ready')
  /** One for each distance. */
  const away = new Map()

  /** A connection string through a process that delays what passes. */
  async function atDistance(uri, distance) {
    if (!away.has(distance)) {
      const between = start('./distance.mjs', { port: portOf(uri), distance })
      away.set(distance, { between, port: (await between.message('ready')).port })
    }
    return uri.replace(`:${portOf(uri)}`, `:${away.get(distance).port}`)
  }

  return {
    mainThreadMethod,

    /** Runs a point once, and answers what was measured. */
    async measure(point) {
      const { sessions } = point
      const name = sessions ? `growth_${contender.format}_${sessions}` : file.replaceAll('-', '_')
      const near = inDatabase ? await database.uriOf(name) : undefined
      const uri = near && point.distance ? await atDistance(near, point.distance) : near
      // What is not filled here, a contender fills itself.
      const filled = inDatabase && (point.filled || contender.role === 'limit')
      if (filled) {
        const count = sessions ?? point.count
        await database.fill(name, { ...point, count, format: contender.format ?? 'object' })
      }
      child.send({ type: 'measure', point: { ...point, uri, filled } })
      const { figures } = await child.message('figures')
      return figures
    },

    async leave() {
      child.send({ type: 'leave' })
      try {
        await child.exit()
      } finally {
        for (const { between } of away.values()) {
          between.disconnect()
          await between.exit()
        }
      }
    },
  }
}

function portOf(uri) {
  return new URL(uri.split(',')[0]).port || '27017'
}
