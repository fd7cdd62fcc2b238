// What a script has run: printed at its end, whatever has become of it.

const SLOWEST = 10

/** `{ title, ms, count }` of each step, and `{ file, ms }` of each test file. */
const entries = []

export function account(entry) {
  entries.push(entry)
}

/** The slowest test files, then each step with how many checks it made and how long it took, the slowest first. */
export function printAccount() {
  entries.sort((a, b) => b.ms - a.ms)
  const files = entries.filter(({ file }) => file)
  if (files.length > SLOWEST) {
    console.log(`\nThe slowest of ${files.length} test files`)
    for (const { file, ms } of files.slice(0, SLOWEST)) console.log(line(file, ms))
  }
  console.log('\nWhat ran')
  for (const { title, ms, count } of entries.filter((entry) => entry.title)) {
    console.log(line(count === undefined ? title : `${title}: ${count}`, ms))
  }
  console.log(line('Altogether', performance.now()))
}

function line(text, ms) {
  return `${duration(ms).padStart(12)}  ${text}`
}

/** A duration for people. */
export function duration(ms) {
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}
