import { start } from './child.mjs'
import { cpuPerOperation } from './cpu.mjs'

/** Runs an HTTP trial for one contender: the application and the load each in their process. */
export async function runHttpJob({ trial, points }, { file, contender, database, timing }) {
  const { default: definition } = await import(`../trials/${trial}.mjs`)
  const inDatabase = contender.role !== 'reference'
  const uri = inDatabase ? await database.uriOf(file.replaceAll('-', '_')) : undefined
  const mongodPid = inDatabase ? database.pid : undefined
  const { workers, size } = points[0]
  const server = start('./http-server.mjs', { contender: file, uri, workers, size, mongodPid })
  const { port, mainThreadMethod } = await server.message('listening')

  const results = []
  // Most connections first: they warm the application up soonest.
  for (const point of points.toReversed()) {
    const warmUp = results.length === 0 ? timing.warmUp : 0
    const job = { ...timing, warmUp, port, path: definition.path, connections: point.connections }
    const load = start('./http-load.mjs', job)
    await load.message('begin')
    const begin = await usage(server)
    await load.message('end')
    const end = await usage(server)
    const figures = await load.message('figures')
    await load.exit()
    const { operations, perSecond, p50, p99 } = figures
    const cpu = cpuPerOperation(begin.cpu, end.cpu, operations)
    results.unshift({ ...point, operations, perSecond, p50, p99, cpu, rss: end.rss })
  }
  server.send({ type: 'close' })
  await server.exit()
  return { results, mainThreadMethod }
}

async function usage(server) {
  const answer = server.message('usage')
  server.send({ type: 'usage' })
  return answer
}
