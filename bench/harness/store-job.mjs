import { start } from './child.mjs'

/** Runs the points of a store trial for one contender, in a process of its own. */
export async function runStoreJob({ trial, points }, { file, contender, database, timing }) {
  const growth = points[0].sessions
  const name = growth ? `growth_${contender.format}_${growth}` : file.replaceAll('-', '_')
  const inDatabase = contender.role !== 'reference'
  const uri = inDatabase ? await database.uriOf(name) : undefined

  // What is not filled here, a contender fills itself.
  const isFilled = (point) => inDatabase && (point.filled || contender.role === 'limit')
  for (const point of points.filter(isFilled)) {
    const count = point.sessions ?? point.count
    await database.fill(name, { ...point, count, format: contender.format ?? 'object' })
  }
  const job = {
    ...timing,
    trial,
    contender: file,
    uri,
    mongodPid: inDatabase ? database.pid : undefined,
    points: points.map((point) => ({ ...point, filled: isFilled(point) })),
  }
  const child = start('./store-process.mjs', job)
  const { results, mainThreadMethod } = await child.message('results')
  await child.exit()
  return { results, mainThreadMethod }
}
