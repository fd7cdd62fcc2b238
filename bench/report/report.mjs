// Writes what a run has measured. By itself it writes the report of an earlier run again:
// `node bench/report/report.mjs bench/results/full.ndjson`.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMain } from '../../scripts/step.mjs'
import { markdown, targetsText } from './markdown.mjs'
import { pictures } from './pictures.mjs'

const bench = fileURLToPath(new URL('..', import.meta.url))

/** The full run is bench/RESULTS.md, any other bench/results/<name>.md; figures lie beside them. */
export async function writeReport({ name, ...data }) {
  const isFull = name === 'full'
  const folder = join(bench, 'results')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${name}.ndjson`), toLines(data))

  const drawn = []
  for (const { name: picture, title, svg } of await pictures(data)) {
    const file = `${name}-${picture}.svg`
    await writeFile(join(folder, file), svg)
    drawn.push({ title, file: isFull ? `results/${file}` : file })
  }
  const path = isFull ? join(bench, 'RESULTS.md') : join(folder, `${name}.md`)
  const text = markdown({ ...data, trials: await titles(), pictures: drawn })
  await writeFile(path, text)
  return { path: relative(process.cwd(), path), targets: targetsText(data) }
}

/** JSON, a line for what was measured on and whom, then a line per figure. */
function toLines({ figures, ...head }) {
  const round = (key, value) => (typeof value === 'number' ? Number(value.toPrecision(7)) : value)
  return [head, ...figures].map((line) => `${JSON.stringify(line, round)}\n`).join('')
}

async function titles() {
  const folder = join(bench, 'trials')
  const found = {}
  for (const file of await readdir(folder)) {
    const { default: trial } = await import(`../trials/${file}`)
    found[basename(file, '.mjs')] = trial.title
  }
  return found
}

if (isMain(import.meta)) {
  const [, , file] = process.argv
  const [head, ...figures] = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  await writeReport({ name: basename(file, '.ndjson'), ...head, figures })
}
