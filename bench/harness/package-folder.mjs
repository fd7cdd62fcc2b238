// Where the package under measurement lies.
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { addonName } from '../../scripts/build.mjs'
import { root } from '../../scripts/step.mjs'

export const packageFolder = resolve(root, process.env.BENCH_PACKAGE ?? '')

/** A release addon is some 7 MB, one with debug information more than 100 MB. */
const RELEASE_MAX_BYTES = 32 * 1024 * 1024

/** Refuses to measure slow code. */
export function demandReleaseBuild() {
  const addon = join(packageFolder, addonName())
  if (!existsSync(addon)) throw new Error(`There is no ${addonName()}: run "npm run build" first`)
  if (statSync(addon).size > RELEASE_MAX_BYTES) {
    throw new Error(`${addonName()} is a debug build: run "npm run build" first`)
  }
}
