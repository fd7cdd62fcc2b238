// What the package weighs: on the disk, in memory, and before the first answer. The stores take turns, and each
// turn is set against the bare process of the same round.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { addonName } from '../../scripts/build.mjs'
import { root } from '../../scripts/step.mjs'
import { packageFolder } from '../harness/package-folder.mjs'
import { fileSizes, installedBytes } from './installed.mjs'

const BARE = 'express-session alone'
const OWN = 'mongodb-session-store'
const PEERS = ['connect-mongo', '@iwsio/mongodb-express-session']
const PROCESS = fileURLToPath(new URL('process.mjs', import.meta.url))

const run = promisify(execFile)

/** Measures `rounds` processes of each, and answers the table as lines of Markdown. */
export async function footprint({ database, rounds }) {
  const names = [BARE, OWN, ...PEERS]
  const figures = new Map(names.map((name) => [name, []]))
  // The first round finds the files on the disk, the others in memory.
  for (let round = -1; round < rounds; round++) {
    for (const [index] of names.entries()) {
      const name = names[(index + round + names.length) % names.length]
      const figure = await measure(name, await database.uriOf('footprint'))
      if (round >= 0) figures.get(name).push(figure)
    }
  }
  return table(figures)
}

async function measure(contender, uri) {
  const env = { ...process.env, NODE_ENV: 'production', FOOTPRINT_PACKAGE: ownEntry() }
  const { stdout } = await run(process.execPath, [PROCESS, contender, uri], { env })
  return JSON.parse(stdout)
}

function ownEntry() {
  return pathToFileURL(join(packageFolder, 'index.mjs')).href
}

function table(figures) {
  const bare = figures.get(BARE)
  const above = (name, field) =>
    median(figures.get(name).map((figure, at) => figure[field] - bare[at][field]))
  const rows = [OWN, ...PEERS].map((name) => [
    name,
    mega(name === OWN ? ownBytes() : installedBytes(join(root, 'node_modules', name))),
    mebi(above(name, 'memoryBytes')),
    `${Math.round(above(name, 'startMs'))} ms`,
  ])
  const addon = fileSizes(join(packageFolder, addonName()))
  return [
    '| | on the disk, with dependencies | memory after one get | to the first answer |',
    '| --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    `The addon: ${mega(addon.bytes)}, packed ${mega(addon.packedBytes)}. Memory and time are above those of a`,
    `process that only imports express-session: ${mebi(median(bare.map((each) => each.memoryBytes)))}, ` +
      `${Math.round(median(bare.map((each) => each.startMs)))} ms. Medians of ${bare.length} processes each.`,
  ]
}

/** What is published, and bson; the folder of the repository has more. */
function ownBytes() {
  const { bytes } = fileSizes(join(packageFolder, addonName()))
  return bytes + installedBytes(join(root, 'node_modules', 'bson'))
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function mega(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

function mebi(bytes) {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
