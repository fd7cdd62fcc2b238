// Small plots as SVG. Colours are those of the style sheet: .line-0, .line-1 and so on.
const SVG = 'http://www.w3.org/2000/svg'

/** How many values a plot shows, one a second. */
const CAPACITY = 30

const WIDTH = 240
const HEIGHT = 64

/** The course of one or several values over the last half minute. `floor` is the least that is the full height. */
export class Plot {
  #svg
  #floor
  #rows = []

  constructor(svg, { floor }) {
    this.#svg = svg
    this.#floor = floor
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
    svg.setAttribute('preserveAspectRatio', 'none')
  }

  /** Adds the values of a moment, one for each line. */
  add(values) {
    this.#rows = [...this.#rows, values].slice(-CAPACITY)
    this.#draw()
  }

  #draw() {
    const top = Math.max(this.#floor, ...this.#rows.flat())
    const x = (index) => WIDTH - ((this.#rows.length - 1 - index) * WIDTH) / (CAPACITY - 1)
    const y = (value) => HEIGHT - 2 - (value / top) * (HEIGHT - 6)
    const lines = this.#rows[0].map((_, line) => {
      const points = this.#rows.map((values, index) => `${x(index)},${y(values[line])}`)
      return element('polyline', { class: `line line-${line}`, points: points.join(' ') })
    })
    const area = element('polygon', {
      class: 'area',
      points: [
        `${x(0)},${HEIGHT}`,
        ...this.#rows.map((values, index) => `${x(index)},${y(Math.max(...values))}`),
        `${WIDTH},${HEIGHT}`,
      ].join(' '),
    })
    this.#svg.replaceChildren(area, ...lines)
  }
}

const ROW = 14

/** When each call of an outage began and ended: `{ number, atMs, tookMs, outcome }`, still waiting without both. */
export class Timeline {
  #svg
  #untilMs
  #frozenMs
  #calls = new Map()

  constructor(svg, { untilMs, frozenMs }) {
    this.#svg = svg
    this.#untilMs = untilMs
    this.#frozenMs = frozenMs
    this.#draw(0)
  }

  /** How many calls have ended how, in words. */
  get outcomes() {
    const counts = {}
    for (const { outcome = 'waiting' } of this.#calls.values()) {
      counts[outcome] = (counts[outcome] ?? 0) + 1
    }
    return Object.entries(counts)
      .map(([outcome, count]) => `${count} × ${outcome}`)
      .join(', ')
  }

  /** Takes note of a call, or of its end. */
  add(call) {
    this.#calls.set(call.number, call)
    this.#draw(call.atMs + (call.tookMs ?? 0))
  }

  #draw(nowMs) {
    const calls = [...this.#calls.values()]
    const width = 720
    const rows = Math.max(...calls.map(({ number }) => number + 1), 1)
    const x = (ms) => (Math.min(ms, this.#untilMs) / this.#untilMs) * width
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${rows * ROW + 22}`)
    const frozen = element('rect', {
      class: 'frozen',
      rx: 8,
      x: 0,
      y: 0,
      width: x(this.#frozenMs),
      height: rows * ROW + 22,
    })
    const bars = calls.map(({ number, atMs, tookMs, outcome }) =>
      element('rect', {
        class: `call ${kindOf(outcome)}`,
        x: x(atMs),
        y: number * ROW + 3,
        rx: 4,
        width: Math.max(8, x(atMs + (tookMs ?? Math.max(0, nowMs - atMs))) - x(atMs)),
        height: ROW - 5,
      }),
    )
    const label = element('text', { x: 10, y: rows * ROW + 16 })
    label.textContent = 'the database stands still'
    this.#svg.replaceChildren(frozen, ...bars, label)
  }
}

function kindOf(outcome) {
  if (outcome === undefined) return 'waiting'
  return outcome === 'answered' ? 'answered' : 'failed'
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}
