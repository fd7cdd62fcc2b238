// What a package brings onto a disk: its own files and those of all that it depends on.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'

/** The bytes of a file, as they are and as npm packs them. */
export function fileSizes(path) {
  const content = readFileSync(path)
  const level = constants.Z_BEST_COMPRESSION
  return { bytes: content.length, packedBytes: gzipSync(content, { level }).length }
}

/** What every application of a store has anyway. */
const SHARED = ['express-session']

/** The bytes of the installed package in `folder` and of all without which it does not work. */
export function installedBytes(folder) {
  const folders = new Set([folder])
  // A Set that grows while it is walked is walked to its new end.
  for (const each of folders) {
    for (const name of needsOf(each)) folders.add(folderOf(name, each))
  }
  return [...folders].reduce((sum, each) => sum + folderBytes(each), 0)
}

function needsOf(folder) {
  const description = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { dependencies, peerDependencies, peerDependenciesMeta } = description
  const peers = Object.keys(peerDependencies ?? {}).filter((name) => {
    return !peerDependenciesMeta?.[name]?.optional && !SHARED.includes(name)
  })
  return [...Object.keys(dependencies ?? {}), ...peers]
}

function folderOf(name, from) {
  // By a file of it: some have the name of a module of Node.
  const file = join(name, 'package.json')
  const places = createRequire(join(from, 'index.js')).resolve.paths(file)
  return join(
    places.find((place) => existsSync(join(place, file))),
    name,
  )
}

function folderBytes(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  return files
    .filter((entry) => entry.isFile() && !isNested(folder, entry.parentPath))
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
}

/** Packages in a package's own node_modules are counted by themselves. */
function isNested(folder, path) {
  return join(path, '/').slice(dirname(folder).length).includes('/node_modules/')
}
