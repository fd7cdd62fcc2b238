// What docs/frameworks.md says was tried is what `npm run test:frameworks` and the tests here install.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../scripts/step.mjs'

const read = (path) => readFile(join(root, path), 'utf8')

/** The versions in a lock file, by the name under which a package is installed. */
async function locked(path) {
  const { packages } = JSON.parse(await read(path))
  return (name) => packages[`node_modules/${name}`]?.version
}

const page = await read('docs/frameworks.md')
const rows = Array.from(page.matchAll(/^\| (.+?) \| ([\d., ]+) \| (.+) \|$/gm), (row) => ({
  names: row[1].replaceAll(/[[\]]|\(#.*?\)/g, '').split(', '),
  versions: row[2].split(', '),
}))

test('the versions on the page are those of the lock files', async () => {
  const [here, there] = await Promise.all([
    locked('package-lock.json'),
    locked('__test__/frameworks/package-lock.json'),
  ])
  assert.ok(rows.length >= 18)
  for (const { names, versions } of rows) {
    const wanted = names[0] === 'express' ? ['express', 'express4'] : names
    const { dependencies } = JSON.parse(await read('__test__/frameworks/package.json'))
    const versionOf = (name) => (name in dependencies ? there : here)(name)
    assert.deepEqual(wanted.map(versionOf), versions, names.join(', '))
  }
})

test('what is installed to be tried is on the page', async () => {
  const { dependencies } = JSON.parse(await read('__test__/frameworks/package.json'))
  // Those that are needed to try others.
  const others = ['graphql', 'ws']
  const named = new Set([...rows.flatMap(({ names }) => names), ...others])
  assert.deepEqual(
    Object.keys(dependencies).filter((name) => !named.has(name)),
    [],
  )
})
