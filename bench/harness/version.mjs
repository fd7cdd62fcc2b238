// Versions of what is measured.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/step.mjs'

/** The version of the package in a folder. */
export function versionIn(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version
}

/** The version of an installed dependency. */
export function versionOf(name) {
  return versionIn(join(root, 'node_modules', name))
}
