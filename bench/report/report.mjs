// Writes what a run has measured. By itself it writes the report of an earlier run again:
// `node bench/report/report.mjs bench/results/full.json`.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import prettier from 'prettier'
import { isMain } from '../../scripts/step.mjs'
import { markdown } from './markdown.mjs'
import { pictures } from './pictures.mjs'

const bench = fileURLToPath(new URL('..', import.meta.url))

/** The full run is bench/RESULTS.md, any other bench/results/<name>.md; figures lie beside them. */
export async function writeReport({ name, ...data }) {
  const isFull = name === 'full'
  const folder = join(bench, 'results')
  await mkdir(folder, { recursive: true })
  const json = await prettier.format(JSON.stringify(data), { parser: 'json', printWidth: 1000 })
  await writeFile(join(folder, `${name}.json`), json)

  const drawn = []
  for (const { name: picture, title, svg } of await pictures(data)) {
    const file = `${name}-${picture}.svg`
    await writeFile(join(folder, file), svg)
    drawn.push({ title, file: isFull ? `results/${file}` : file })
  }
  const path = isFull ? join(bench, 'RESULTS.md') : join(folder, `${name}.md`)
  const text = markdown({ ...data, trials: await titles(), pictures: drawn })
  await writeFile(path, text)
  return { path, text }
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
  const data = JSON.parse(await readFile(file, 'utf8'))
  await writeReport({ name: basename(file, '.json'), ...data })
}
