// The figures as SVG, by Vega-Lite, which needs no canvas for that.
import * as vega from 'vega'
import { compile } from 'vega-lite'
import { pointsOf, summary } from './aggregate.mjs'

const VERBS = ['get', 'touch', 'set', 'mixed', 'destroy', 'change', 'save']

/** The limit is so far away from the stores that it would flatten every bar. */
const notLimit = ({ role }) => role !== 'limit'

const core = ({ trial, size, concurrency }) =>
  VERBS.includes(trial) && concurrency === 64 && size === (isChange(trial) ? 20 : 2)

const isChange = (trial) => trial === 'change' || trial === 'save'

const PICTURES = [
  {
    name: 'throughput',
    title: 'Operations per second, 64 at once (2 KB; change and save 20 KB)',
    pick: core,
    metric: 'perSecond',
    who: notLimit,
    draw: bars('trial', 'operations per second'),
  },
  {
    name: 'main-thread',
    title: 'CPU of the main thread in µs per operation, 64 at once',
    pick: core,
    metric: 'main',
    who: notLimit,
    draw: bars('trial', 'µs per operation'),
  },
  {
    name: 'concurrency',
    title: 'Operations per second by concurrency, 2 KB',
    pick: ({ trial, size }) => VERBS.includes(trial) && size === 2,
    metric: 'perSecond',
    draw: lines('trial', 'concurrency', 'operations per second'),
  },
  {
    name: 'held',
    title: 'The slowest call in ms while a transaction of somebody else holds sessions',
    pick: ({ trial }) => trial === 'held',
    metric: 'slowest',
    draw: bars('place', 'ms'),
  },
  {
    name: 'far',
    title: 'p99 in ms on a server at a distance, calls at their own moments',
    pick: ({ trial, rate }) => trial === 'far' && rate,
    metric: 'p99',
    draw: bars('place', 'ms'),
  },
  {
    name: 'http',
    title: 'HTTP requests per second by connections, 2 KB',
    pick: ({ trial }) => trial.startsWith('http'),
    metric: 'perSecond',
    draw: lines('place', 'connections', 'requests per second'),
  },
  {
    name: 'growth',
    title: 'Median latency by sessions in the collection, one operation at a time',
    pick: ({ trial, concurrency }) => trial.startsWith('growth') && concurrency === 1,
    metric: 'p50',
    draw: lines('trial', 'sessions', 'ms'),
  },
  {
    name: 'memory',
    title: 'RSS in MiB after 200 000 operations',
    pick: ({ trial }) => trial === 'memory',
    metric: 'rss',
    draw: bars('trial', 'MiB'),
    scale: 2 ** -20,
  },
]

/** `{ title, name, svg }` of every picture for which there are figures. */
export async function pictures({ contenders, figures }) {
  const drawn = []
  for (const { name, title, pick, metric, draw, who = () => true, scale = 1 } of PICTURES) {
    const points = pointsOf(figures).filter(pick)
    const names = contenders.filter(who).map((contender) => contender.name)
    const values = points.flatMap((point) => rows(point, names, metric, scale))
    if (values.length === 0) continue
    const ticks = [...new Set(values.map((value) => value[draw.x]))]
    // A line needs more than one place.
    if (draw.x && ticks.length < 2) continue
    const present = names.filter((each) => values.some(({ contender }) => contender === each))
    const spec = draw.spec({ colours: colours(contenders, present), ticks })
    drawn.push({ name, title, svg: await render({ ...spec, title, data: { values } }) })
  }
  return drawn
}

function rows(point, names, metric, scale) {
  const { figures: _figures, ...coordinates } = point
  const place = placeOf(point)
  return names.flatMap((contender) => {
    const found = summary(point, contender, metric)
    if (!found) return []
    const { median, min, max } = found
    return [
      {
        ...coordinates,
        place,
        contender,
        median: median * scale,
        min: min * scale,
        max: max * scale,
      },
    ]
  })
}

/** What a panel is about beside what its axes say. */
function placeOf({ trial, workers, held, distance, rate }) {
  if (held) return `${held} held, ${rate} calls of others a second`
  if (distance) return `${distance} ms away, ${rate} calls a second`
  return workers > 1 ? `${trial}, node:cluster` : trial
}

/** Thousands as k, but no m for thousandths. */
const NUMBERS = {
  tickCount: 5,
  labelExpr: "datum.value < 1 ? format(datum.value, '~g') : format(datum.value, '~s')",
}

/** A panel per `facet`, a bar per contender, and its range. */
function bars(facet, title) {
  const y = { field: 'contender', type: 'nominal', sort: null, title: null }
  return {
    spec: ({ colours }) => ({
      facet: { field: facet, type: 'nominal', sort: VERBS, title: null },
      columns: 2,
      resolve: { scale: { x: 'independent' } },
      spec: {
        width: 320,
        height: { step: 22 },
        layer: [
          {
            mark: 'bar',
            encoding: {
              y,
              x: { field: 'median', type: 'quantitative', title, axis: NUMBERS },
              color: { ...colours, legend: null },
            },
          },
          {
            mark: { type: 'rule', color: '#333' },
            encoding: { y, x: { field: 'min', type: 'quantitative' }, x2: { field: 'max' } },
          },
        ],
      },
    }),
  }
}

/** A panel per `facet`, a line per contender over `x`, both axes logarithmic. */
function lines(facet, x, title) {
  return {
    x,
    spec: ({ colours, ticks }) => ({
      facet: { field: facet, type: 'nominal', sort: VERBS, title: null },
      columns: 2,
      resolve: { scale: { y: 'independent' } },
      spec: {
        width: 320,
        height: 240,
        mark: { type: 'line', point: true },
        encoding: {
          x: {
            field: x,
            type: 'quantitative',
            scale: { type: 'log', nice: false },
            axis: { ...NUMBERS, values: ticks },
          },
          y: {
            field: 'median',
            type: 'quantitative',
            scale: { type: 'log' },
            title,
            axis: NUMBERS,
          },
          color: colours,
        },
      },
    }),
  }
}

const COLOURS = ['#0b6b4f', '#e07b39', '#f2b880', '#5b7db1', '#a3b8d9', '#8c8c8c', '#222222']

/** Everyone has the same colour in all pictures; the legend names who is in this one. */
function colours(contenders, present) {
  return {
    field: 'contender',
    type: 'nominal',
    legend: { title: null, values: present },
    scale: { domain: contenders.map(({ name }) => name), range: COLOURS },
  }
}

function render(spec) {
  const config = {
    background: 'white',
    font: 'sans-serif',
    axis: { labelLimit: 0 },
    legend: { labelLimit: 0 },
  }
  const { spec: compiled } = compile({ ...spec, config })
  return new vega.View(vega.parse(compiled), { renderer: 'none' }).toSVG()
}
