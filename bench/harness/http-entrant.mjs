import { start } from './child.mjs'
import { cpuPerOperation } from './cpu.mjs'

/**
 * Enters a contender for an HTTP trial: the application in processes of its own, which wait until it is
 * their turn; then the load has one, too.
 */
export async function enterHttpTrial({ trial, points }, { file, contender, database, timing }) {
  const { default: definition } = await import(`../trials/${trial}.mjs`)
  const inDatabase = contender.role !== 'reference'
  const uri = inDatabase ? await database.uriOf(file.replaceAll('-', '_')) : undefined
  const mongodPid = inDatabase ? database.pid : undefined
  const { workers, size } = points[0]
  const server = start('./http-server.mjs', { contender: file, uri, workers, size, mongodPid })
  const { port, mainThreadMethod } = await server.message('listening')
  let { warmUp } = timing

  return {
    mainThreadMethod,

    /** Runs a point once, and answers what was measured. */
    async measure({ connections }) {
      const load = start('./http-load.mjs', {
        ...timing,
        warmUp,
        port,
        path: definition.path,
        connections,
      })
      warmUp = 0
      await load.message('begin')
      const begin = await usage(server)
      await load.message('end')
      const end = await usage(server)
      const { operations, perSecond, p50, p99 } = await load.message('figures')
      await load.exit()
      const cpu = cpuPerOperation(begin.cpu, end.cpu, operations)
      return { operations, perSecond, p50, p99, cpu, rss: end.rss }
    },

    async leave() {
      server.send({ type: 'close' })
      await server.exit()
    },
  }
}

async function usage(server) {
  const answer = server.message('usage')
  server.send({ type: 'usage' })
  return answer
}
