// What the tests of installations share: a project of its own that has this package as users get it.
import './neutral-environment.mjs'
import { copyFile, cp, link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { addonName } from '../scripts/build.mjs'
import { root } from '../scripts/step.mjs'

const { files } = createRequire(import.meta.url)(join(root, 'package.json'))

/**
 * A folder, removed after the test, with the files that are published (but for the sources of the addon) in its
 * node_modules, and links to packages of this repository: those named in `links`, and what the package needs itself.
 */
export async function projectOf(t, { links = [], manifest = { private: true } } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'mongodb-session-store-project-'))
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await installPackage(join(folder, 'node_modules', 'mongodb-session-store'))
  for (const name of new Set([...links, 'express-session', 'bson', 'commander'])) {
    const place = join(folder, 'node_modules', name)
    await mkdir(dirname(place), { recursive: true })
    await symlink(join(root, 'node_modules', name), place, 'junction')
  }
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'app', version: '1.0.0', ...manifest }),
  )
  return folder
}

/** Puts the published files into a folder. */
export async function installPackage(place) {
  const sources = ['src/', 'crates/', 'Cargo.toml', 'Cargo.lock', 'build.rs']
  await mkdir(place, { recursive: true })
  for (const name of [...files, 'package.json', 'README.md', 'LICENSE']) {
    if (name.includes('*') || sources.includes(name)) continue
    await cp(join(root, name), join(place, name), { recursive: true })
  }
  const [from, to] = [join(root, addonName()), join(place, addonName())]
  // One built for tests has 200 MB.
  await link(from, to).catch(() => copyFile(from, to))
}
