// What a command prints: sentences and tables for people, JSON for machines.
import { once } from 'node:events'

export class Output {
  #isJson

  constructor({ json = false }) {
    this.#isJson = json
  }

  get isJson() {
    return this.#isJson
  }

  /** A line for people. */
  async line(text = '') {
    if (!this.#isJson) await write(`${text}\n`)
  }

  /** One object for machines. */
  async record(value) {
    if (this.#isJson) await write(`${JSON.stringify(value)}\n`)
  }

  /** A line that is not part of the answer. */
  note(text) {
    if (!this.#isJson) process.stderr.write(`${text}\n`)
  }

  /** Rows of texts below each other, below a head or none; what is a number stands to the right. */
  async table(head, rows) {
    const shown = rows.map((row) =>
      row.map((cell) => (typeof cell === 'number' ? cell : printable(cell))),
    )
    const all = [...(head === null ? [] : [head]), ...shown]
    const widths = all[0].map((_, at) => Math.max(...all.map((row) => String(row[at]).length)))
    for (const row of all) {
      const cells = row.map((cell, at) => {
        const isLast = at === row.length - 1
        if (typeof cell === 'number') return String(cell).padStart(widths[at])
        return isLast ? String(cell) : String(cell).padEnd(widths[at])
      })
      await this.line(cells.join('  '))
    }
  }
}

async function write(text) {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** What turns a text around. */
export const BIDI = /\p{Bidi_Control}/gu

/** That, and what moves the cursor of a terminal or hides what stands there. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

/** A value from the database on a line of a terminal: names and keys may have been chosen by visitors. */
export function printable(value, unprintable = UNPRINTABLE) {
  return String(value).replaceAll(unprintable, (character) => {
    return `\\u${character.codePointAt(0).toString(16).padStart(4, '0')}`
  })
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
]

/** A time in its largest unit: `3 h`. */
export function duration(ms) {
  const [unit, length] = UNITS.find(([, length]) => Math.abs(ms) >= length) ?? ['ms', 1]
  return `${Math.round(ms / length)} ${unit}`
}

/** Bytes in their largest unit: `2.1 KB`. */
export function bytes(count) {
  if (count < 1000) return `${Math.round(count)} B`
  const power = Math.min(3, Math.floor(Math.log10(count) / 3))
  return `${(count / 1000 ** power).toFixed(1)} ${['B', 'KB', 'MB', 'GB'][power]}`
}

/** `1 session`, `2 sessions`. */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
