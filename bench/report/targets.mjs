// The figures that the store is to reach: ratios to the best peer in the same run.
import { findPoint, growth, ratio } from './aggregate.mjs'

const at = (trial, size, concurrency) => ({ trial, size, concurrency })
const http = ['http-read', 'http-write'].flatMap((trial) =>
  [1, 2].map((workers) => ({ trial, workers, connections: 64 })),
)

function httpTargets(point) {
  const what = point.trial === 'http-read' ? 'rolling reads' : 'writing requests'
  const title = `HTTP ${what}, ${point.workers === 1 ? 'one process' : 'node:cluster of two'}`
  return [
    { title, point, least: 3.5 },
    {
      title: `${title}: to MemoryStore`,
      point,
      against: 'reference',
      least: point.trial === 'http-read' ? 1 : 0.95,
    },
    { title: `${title}: p99`, point, metric: 'p99', most: 1 / 5 },
  ]
}

const far = [2, 10, 30].flatMap((distance) =>
  [200, 1000].flatMap((rate) => {
    const point = { trial: 'far', size: 2, distance, rate }
    const title = `${distance} ms away, ${rate} calls a second`
    return [
      { title: `${title}: p50`, point, metric: 'p50', most: 1 },
      { title: `${title}: p99`, point, metric: 'p99', most: rate === 1000 ? 0.8 : 1 },
    ]
  }),
)

const held = [1, 8].flatMap((count) =>
  [10, 100].map((rate) => ({
    title: `${count} held, ${rate} calls of others a second: the slowest`,
    point: { trial: 'held', size: 2, held: count, rate },
    metric: 'slowest',
    most: 1,
  })),
)

/** What real sessions hold is to cost hardly more than what JSON can carry. */
const contents = [
  ...[2, 20].map((size) => ({
    title: `set ${size} KB, with a Date or the like: main-thread CPU to that without`,
    point: at('contents-set', size, 64),
    base: at('set', size, 64),
    metric: 'main',
    most: 1.25,
  })),
  {
    title: 'change 20 KB, with a Date or the like: main-thread CPU to that without',
    point: at('contents-change', 20, 64),
    base: at('change', 20, 64),
    metric: 'main',
    most: 1.25,
  },
  ...['set', 'contents-set'].flatMap((trial) => {
    const title = trial === 'set' ? 'set 20 KB' : 'set 20 KB, with a Date or the like'
    const point = at(trial, 20, 64)
    return [
      { title, point, least: 1.5 },
      { title: `${title}: main-thread CPU`, point, metric: 'main', most: 0.5 },
    ]
  }),
  {
    title: 'load, change one key, save 20 KB, with a Date or the like',
    point: at('contents-change', 20, 64),
    least: 3,
  },
]

/** What is not to get slower, where the state before takes part. */
const before = [
  ...['get', 'touch', 'set'].flatMap((trial) =>
    [1, 64].map((concurrency) => ({
      title: `${trial} 2 KB, ${concurrency === 1 ? 'one at a time' : `${concurrency} at once`}`,
      point: at(trial, 2, concurrency),
    })),
  ),
  ...http.map((point) => ({ title: httpTargets(point)[0].title, point })),
].map(({ title, point }) => {
  return { title: `${title}: to the state before`, point, against: 'before', least: 0.97 }
})

/** What nobody uses is to cost nothing. */
const channels = [
  { title: 'operations per second', least: 0.99 },
  { title: 'main-thread CPU', metric: 'main', most: 1.01 },
].map(({ title, ...bound }) => ({
  title: `get 2 KB, 64 at once, nobody listening to the channels: ${title}`,
  point: at('channels', 2, 64),
  against: 'without',
  ...bound,
}))

/** `most` is an upper bound, for what costs; `least` a lower one, for what is achieved. */
const TARGETS = [
  { title: 'get 2 KB, 64 at once', point: at('get', 2, 64), least: 10 },
  { title: 'touch 2 KB, 64 at once', point: at('touch', 2, 64), least: 5.5 },
  { title: 'set 2 KB, 64 at once', point: at('set', 2, 64), least: 4 },
  { title: 'get 20 KB, 64 at once', point: at('get', 20, 64), least: 3 },
  {
    title: 'save one changed key of a loaded 20 KB, 64 at once',
    point: at('save', 20, 64),
    least: 4,
  },
  { title: 'load, change one key, save 20 KB, 64 at once', point: at('change', 20, 64), least: 4 },
  { title: 'get 2 KB, one at a time', point: at('get', 2, 1), least: 1.4 },
  { title: 'touch 2 KB, one at a time', point: at('touch', 2, 1), least: 1.1 },
  { title: 'set 2 KB, one at a time', point: at('set', 2, 1), least: 1.1 },
  { title: 'get: main-thread CPU', point: at('get', 2, 64), metric: 'main', most: 1 / 14 },
  { title: 'touch: main-thread CPU', point: at('touch', 2, 64), metric: 'main', most: 1 / 25 },
  { title: 'set: main-thread CPU', point: at('set', 2, 64), metric: 'main', most: 1 / 8 },
  { title: 'get 2 KB, 64 at once: p99', point: at('get', 2, 64), metric: 'p99', most: 1 / 4 },
  { title: 'touch 2 KB, 64 at once: p99', point: at('touch', 2, 64), metric: 'p99', most: 1 / 4 },
  { title: 'set 2 KB, 64 at once: p99', point: at('set', 2, 64), metric: 'p99', most: 1 / 4 },
  ...contents,
  ...http.flatMap(httpTargets),
  { title: 'RSS after 200 000 operations', point: at('memory', 2, 64), metric: 'rss', most: 0.6 },
  ...far,
  {
    title: '10 ms away, 256 at once',
    point: { trial: 'far', size: 2, distance: 10, concurrency: 256 },
    least: 3,
  },
  ...held,
  ...before,
  ...channels,
  ...['get', 'touch', 'set'].map((verb) => ({
    title: `${verb}: p50 at 1 000 000 sessions to that at 1 000`,
    point: { ...at(`growth-${verb}`, 2, 1), sessions: 1_000_000 },
    base: { ...at(`growth-${verb}`, 2, 1), sessions: 1000 },
    metric: 'p50',
    most: 1.2,
  })),
]

/** Those that were measured: `{ title, wanted, reached: { median, min, max }, isMet }`. */
export function targetsOf(points, contenders) {
  const subject = contenders.find(({ role }) => role === 'subject').name
  return TARGETS.flatMap(
    ({ title, point, base, against = 'peer', metric = 'perSecond', ...bound }) => {
      const found = findPoint(points, point)
      if (!found) return []
      const others = contenders.filter(({ role }) => role === against).map(({ name }) => name)
      const before = base && findPoint(points, base)
      const reached = base
        ? before && growth(found, before, subject, metric)
        : ratio(found, subject, others, metric)
      if (!reached) return []
      const { least = 0, most = Infinity } = bound
      const isMet = reached.median >= least && reached.median <= most
      return [{ title, bound, reached, isMet }]
    },
  )
}
