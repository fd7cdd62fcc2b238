// The package as npm lays it out on another platform: itself without an addon, and beside it the package of that
// platform, whose package.json is the one of the releases.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../../scripts/step.mjs'

const run = promisify(execFile)
const require = createRequire(import.meta.url)

/** Of the repository: the package, and the checks with what they import. */
const COPIED = [
  'package.json',
  'index.mjs',
  'index.cjs',
  'lib',
  'compatibility/checks',
  'scripts/mongodb-uri.mjs',
]
const INSTALLED = ['bson', 'express', 'express-session', 'mongodb']

/** Calls a function with the folder of that layout, which is removed afterwards. */
export async function withPackage({ name, addon }, body) {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-platform-'))
  try {
    for (const path of COPIED) await cp(join(root, path), join(folder, path), { recursive: true })
    const modules = join(folder, 'node_modules')
    await mkdir(modules)
    for (const installed of INSTALLED) {
      await symlink(join(root, 'node_modules', installed), join(modules, installed))
    }
    const napi = join(dirname(require.resolve('@napi-rs/cli/package.json')), 'dist', 'cli.js')
    await run(process.execPath, [napi, 'create-npm-dirs'], { cwd: folder })
    const place = join(modules, `mongodb-session-store-${name}`)
    await rename(join(folder, 'npm', name), place)
    await cp(addon, join(place, `mongodb-session-store.${name}.node`))
    return await body(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
