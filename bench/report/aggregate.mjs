// Medians and ranges over the rounds, and ratios within each round.

/** What identifies a point of a trial; the rest of a figure is what was measured there. */
const COORDINATES = [
  'trial',
  'size',
  'concurrency',
  'connections',
  'workers',
  'sessions',
  'distance',
  'rate',
  'held',
]

export const METRICS = {
  perSecond: { pick: (figure) => figure.perSecond, best: Math.max },
  p50: { pick: (figure) => figure.p50, best: Math.min },
  p99: { pick: (figure) => figure.p99, best: Math.min },
  slowest: { pick: (figure) => figure.slowest, best: Math.min },
  main: { pick: (figure) => figure.cpu.main, best: Math.min },
  process: { pick: (figure) => figure.cpu.process, best: Math.min },
  mongod: { pick: (figure) => figure.cpu.mongod, best: Math.min },
  rss: { pick: (figure) => figure.rss, best: Math.min },
}

/** The points in the order in which they were measured: `{ trial, …, figures }`. */
export function pointsOf(figures) {
  const points = new Map()
  for (const figure of figures) {
    const key = COORDINATES.map((name) => figure[name]).join()
    if (!points.has(key)) {
      const coordinates = COORDINATES.map((name) => [name, figure[name]])
      points.set(key, { ...Object.fromEntries(coordinates), figures: [] })
    }
    points.get(key).figures.push(figure)
  }
  return [...points.values()]
}

/** The point with these coordinates, if it was measured. */
export function findPoint(points, wanted) {
  return points.find((point) => Object.entries(wanted).every(([name, at]) => point[name] === at))
}

/** Median and range of a metric of one contender: `{ median, min, max }`, or undefined. */
export function summary({ figures }, contender, metric) {
  const own = figures.filter((figure) => figure.contender === contender)
  return spread(own.map(METRICS[metric].pick))
}

/**
 * Ratio of one contender to the best of others, taken in each round by itself. Who leaves out a part of
 * the work is not compared with.
 */
export function ratio({ figures }, contender, others, metric) {
  const { pick, best } = METRICS[metric]
  const ratios = []
  for (const figure of figures.filter((each) => each.contender === contender)) {
    const round = figures.filter(
      (each) => each.round === figure.round && others.includes(each.contender) && !each.isPartial,
    )
    if (round.length > 0) ratios.push(pick(figure) / best(...round.map(pick)))
  }
  return spread(ratios)
}

/** Ratio of one contender's metric at a point to the same in the same round at another one. */
export function growth(point, base, contender, metric) {
  const { pick } = METRICS[metric]
  const own = ({ figures }) => figures.filter((figure) => figure.contender === contender)
  const ratios = own(point).flatMap((figure) => {
    const before = own(base).find(({ round }) => round === figure.round)
    return before ? [pick(figure) / pick(before)] : []
  })
  return spread(ratios)
}

function spread(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const middle = (sorted.length - 1) / 2
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2
  return { median, min: sorted[0], max: sorted.at(-1) }
}
