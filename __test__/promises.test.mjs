// SECURITY.md says of each promise which test holds it, and these are there.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../scripts/step.mjs'

const page = await readFile(join(root, 'SECURITY.md'), 'utf8')
const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

/** The rows of the tables of promises: `{ promise, tests }`. */
const rows = page
  .split(/^\| promise \| test \|\n\| --- \| --- \|\n/m)
  .slice(1)
  .flatMap((table) => /^(?:\|.*\n)+/.exec(table)[0].trim().split('\n'))
  .map((row) => {
    const [promise, tests] = row.slice(2, -2).split(' | ')
    return { promise, tests: tests.split(', ').map((name) => name.replaceAll('`', '')) }
  })

test('every part of SECURITY.md that says who may attack has a table of promises', () => {
  const [, attackers] = /^## Who may attack, and what holds$(.*?)^## Out of scope$/ms.exec(page)
  const parts = attackers.split(/^##+ /m).slice(1)
  assert.ok(parts.length > 5)
  for (const part of parts) assert.match(part, /^\| promise \| test \|$/m)
  assert.ok(rows.length > 25, `${rows.length} promises`)
})

test('what holds a promise of SECURITY.md is a file with tests, or a script', async () => {
  for (const { promise, tests } of rows) {
    assert.ok(tests.length > 0, promise)
    for (const name of tests) {
      const [, script] = /^npm run (\S+)$/.exec(name) ?? []
      if (script !== undefined) {
        assert.ok(scripts[script], `${name}, which is to hold: ${promise}`)
        continue
      }
      assert.match(name, /^[a-z0-9-]+\.test\.mjs$/, promise)
      const text = await readFile(join(root, '__test__', name), 'utf8')
      assert.match(text, /^ *(?:test|each|onBothEngines|onBothApps)\(/m, `${name}: ${promise}`)
    }
  }
})

test('SECURITY.md names no test that is not there', async () => {
  for (const [, name] of page.matchAll(/`([\w.-]+\.test\.mjs)`/g)) {
    await readFile(join(root, '__test__', name))
  }
})
