// The way through the pages: every link leads to a page, a file or a heading that is there.
import assert from 'node:assert/strict'
import { access, readFile, readdir } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import test from 'node:test'
import { root } from '../scripts/step.mjs'
import { anchorsOf, headingsOf, linksOf, readPages } from './docs/pages.mjs'

const pages = await readPages()
for (const folder of ['bench', 'examples', 'findings', 'fuzz', 'soak']) {
  const path = `${folder}/README.md`
  pages[path] = await readFile(join(root, path), 'utf8')
}

/** What of the root comes with the package beside docs/ (package.test.mjs). */
const PACKED = ['README.md', 'SECURITY.md', 'CHANGELOG.md']

function isPacked(path) {
  return PACKED.includes(path) || path.startsWith('docs')
}

/** Where links lead that are not on this machine; they are not followed. */
const ELSEWHERE = /^https:\/\//

for (const [path, page] of Object.entries(pages)) {
  test(`every link of ${path} leads somewhere`, async () => {
    for (const target of linksOf(page)) {
      if (ELSEWHERE.test(target)) continue
      const [file, anchor] = target.split('#')
      const found = file === '' ? path : normalize(join(dirname(path), file)).replaceAll('\\', '/')
      await access(join(root, found)).catch(() => assert.fail(`${path} links to ${target}`))
      assert.ok(!isPacked(path) || isPacked(found), `${target} in ${path} is not in the package`)
      if (anchor === undefined) continue
      assert.ok(pages[found] !== undefined, `${target} in ${path} is a place in a page`)
      assert.ok(anchorsOf(pages[found]).includes(anchor), `no heading for ${target} in ${path}`)
    }
  })
}

test('a link to a heading finds it by the name that GitHub gives it', () => {
  assert.deepEqual(
    anchorsOf("# Promises that nobody awaits\n\n## `close`, and _what_ it's for\n"),
    ['promises-that-nobody-awaits', 'close-and-_what_-its-for'],
  )
})

test('no page has two headings with one name, so a link means one of them', () => {
  for (const [path, page] of Object.entries(pages)) {
    const anchors = anchorsOf(page)
    if (path !== 'CHANGELOG.md') assert.deepEqual(anchors, [...new Set(anchors)], path)
  }
})

test('the table of contents has every page of docs/', () => {
  const listed = linksOf(pages['docs/README.md']).map((target) => `docs/${target}`)
  for (const path of Object.keys(pages)) {
    if (!path.startsWith('docs/') || path === 'docs/README.md') continue
    assert.ok(listed.includes(path), `${path} is missing in docs/README.md`)
  }
})

test('every finding is a script and a row of its README', async () => {
  const rows = pages['findings/README.md'].match(/^\| \[.+?\]\(.+?\.sh\)/gm)
  const files = (await readdir(join(root, 'findings'))).filter((name) => name.endsWith('.sh'))
  const expected = files.map((name) => `| [${name.replace('.sh', '')}](${name})`)
  assert.deepEqual(rows.sort(), expected.sort())
})

test('each of the twenty questions leads to the heading of its name', () => {
  const page = pages['docs/questions.md']
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
  assert.equal(rows.length, 20)
  for (const row of rows) {
    const [, heading, file, anchor] =
      /^\| .+\? \| \[(.+)\]\((.+)#(.+)\) \|$/.exec(row) ?? assert.fail(row)
    const target = pages[join('docs', file).replaceAll('\\', '/')]
    assert.equal(headingsOf(target)[anchorsOf(target).indexOf(anchor)], heading)
  }
})

test('the map of the rooms has every room', async () => {
  const page = pages['CONTRIBUTING.md']
  for (const folder of ['lib', 'src']) {
    for (const name of await readdir(join(root, folder))) {
      const room = name.replace(/\.rs$/, '')
      const hint = `${folder}/${name} is no room on the map of CONTRIBUTING.md`
      assert.ok(room === 'lib' || page.includes(`\`${room}\``), hint)
    }
  }
})

test('the README is short', () => {
  assert.ok(Buffer.byteLength(pages['README.md']) <= 8192)
})

test('every test that the security checklist names is there', async () => {
  const page = pages['docs/security-checklist.md'].replaceAll(/\s+/g, ' ')
  const named = [...page.matchAll(/`([\w-]+\.test\.mjs)`((?:(?: and)? "[^"]+")*)/g)]
  assert.ok(named.length >= 20)
  for (const [, file, quoted] of named) {
    const text = await readFile(join(root, '__test__', file), 'utf8')
    const titles = [...quoted.matchAll(/"([^"]+)"/g)].map(([, title]) => title)
    assert.ok(titles.length > 0, `a test in ${file}`)
    for (const title of titles) {
      const begins = ["'", '`'].some((quote) => text.includes(quote + title))
      assert.ok(begins, `"${title}" in ${file}`)
    }
  }
})
