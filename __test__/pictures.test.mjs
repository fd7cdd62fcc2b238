// The pictures of the documentation: in step with their sources, and told to those who do not see them.
import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { draw } from '../pictures/draw.mjs'
import { root } from '../scripts/step.mjs'
import { readPages } from './docs/pages.mjs'

const FOLDER = join(root, 'docs', 'pictures')

test('every picture is what its source draws', async () => {
  const drawn = await draw()
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.svg'))
  assert.deepEqual(files.sort(), Object.keys(drawn).sort())
  for (const name of files) {
    const there = await readFile(join(FOLDER, name), 'utf8')
    assert.ok(there === drawn[name], `docs/pictures/${name} is old: npm run pictures`)
  }
})

test('every picture is on a page, with words that say what it shows', async () => {
  const pages = Object.values(await readPages()).join('\n')
  for (const name of await readdir(FOLDER)) {
    const alternatives = Array.from(pages.matchAll(/!\[([^\]]*)\]\(pictures\/([\w.-]+)\)/g))
      .filter(([, , file]) => file === name)
      .map(([, words]) => words)
    assert.ok(alternatives.length > 0, `${name} is on no page`)
    for (const words of alternatives) assert.ok(words.length > 40, `${name} needs words`)
  }
})

test('pictures are small', async () => {
  for (const name of await readdir(FOLDER)) {
    assert.ok((await readFile(join(FOLDER, name))).length < 150_000, name)
  }
})
