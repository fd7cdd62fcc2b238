// The figures of a store as they move: each event is what `store.stats()` says, a second later.
import { Plot } from './plots.js'

const PLOTS = {
  calls: { floor: 10 },
  batch: { floor: 4 },
  latency: { floor: 2 },
  connections: { floor: 4 },
}

const plots = Object.fromEntries(
  Object.entries(PLOTS).map(([name, options]) => {
    const figure = document.querySelector(`[data-plot="${name}"]`)
    const plot = new Plot(figure.querySelector('svg'), options)
    return [name, { plot, output: figure.querySelector('output') }]
  }),
)

let before

/** Shows the difference to the last look; counts of another store begin anew. */
export function showFigures(stats) {
  const isFirst = before?.store !== stats.store
  const last = isFirst ? stats : before
  before = stats
  const calls = sum(stats.calls, ended) - sum(last.calls, ended)
  const carried =
    sum(stats.commands, ({ calls }) => calls) - sum(last.commands, ({ calls }) => calls)
  const sent = sum(stats.commands, carriers) - sum(last.commands, carriers)
  const { p50, p99 } = stats.latency.get
  const { open, inUse } = stats.connections
  show('calls', calls, [calls])
  show('batch', sent > 0 ? (carried / sent).toFixed(1) : '–', [sent > 0 ? carried / sent : 0])
  show(
    'latency',
    stats.latency.get.count > 0 ? `${milliseconds(p50)} / ${milliseconds(p99)}` : '–',
    [p50, p99],
  )
  show('connections', `${open} / ${inUse}`, [open, inUse])
}

function ended({ succeeded, failed }) {
  return succeeded + failed
}

function milliseconds(value) {
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
}

/** Signs of life and indexes carry no calls. */
function carriers({ sent, calls }) {
  return calls > 0 ? sent : 0
}

function sum(parts, count) {
  return Object.values(parts).reduce((total, part) => total + count(part), 0)
}

function show(name, text, values) {
  plots[name].output.textContent = text.toLocaleString('en')
  plots[name].plot.add(values)
}
