import { start } from './child.mjs'

/** Enters a contender for a store trial: a process of its own, which waits until it is its turn. */
export async function enterStoreTrial({ trial }, { file, contender, database, timing }) {
  const inDatabase = contender.role !== 'reference'
  const mongodPid = inDatabase ? database.pid : undefined
  const child = start('./store-process.mjs', { ...timing, trial, contender: file, mongodPid })
  const { mainThreadMethod } = await child.message('ready')

  return {
    mainThreadMethod,

    /** Runs a point once, and answers what was measured. */
    async measure(point) {
      const { sessions } = point
      const name = sessions ? `growth_${contender.format}_${sessions}` : file.replaceAll('-', '_')
      const uri = inDatabase ? await database.uriOf(name) : undefined
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
      await child.exit()
    },
  }
}
