import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The rooms of lib/, from the top down; a room knows those below it. `lib/kind.cjs` is the ground. */
const JAVASCRIPT_ROOMS = [
  'adapters',
  'store',
  'lists',
  'sessions',
  'calls',
  'observability',
  'connection',
  'native',
  'error',
  'kind',
]

/** Those of cli/, of which all but `commands` are single files. It stands above lib/. */
const CLI_ROOMS = [
  'main',
  'commands',
  'checks',
  'migration',
  'rewrite',
  'ending',
  'entries',
  'indexes',
  'sessions',
  'progress',
  'confirm',
  'store-options',
  'targets',
  'output',
  'failure',
]

/** The rooms of src/, from the top down, as the crate page has them. */
const RUST_ROOMS = [
  'binding',
  'store',
  'batch',
  'backend',
  'connection',
  'options',
  'merge',
  'document',
  'filter',
  'cipher',
  'codec',
  'expiry',
  'progress',
  'telemetry',
  'error',
  'clock',
]

test('the imports of lib/ go down only', () => {
  const imports = importsOf('lib')
  assert.ok(imports.length > 50, 'the imports were found')
  assert.deepEqual(arrowsUp(imports, JAVASCRIPT_ROOMS), [])
})

test('the imports of cli/ go down only, and no files there know each other', () => {
  const imports = importsOf('cli')
  assert.ok(imports.length > 50, 'the imports were found')
  assert.deepEqual(arrowsUp(imports, CLI_ROOMS), [])
  assert.deepEqual(cycles(imports), [])
  const asides = imports.filter(
    ({ from, to }) => roomOf(from) === 'commands' && roomOf(to) === 'commands',
  )
  assert.deepEqual(asides, [], 'no command knows another one')
})

test('no files of lib/ know each other', () => {
  assert.deepEqual(cycles(importsOf('lib')), [])
})

test('every file of lib/ begins by saying what it is about', () => {
  for (const file of filesOf('lib').filter((name) => name.endsWith('.cjs'))) {
    assert.match(readFileSync(join(root, file), 'utf8'), /^'use strict'\n\/\/ \S/, file)
  }
})

test('the use lines of src/ go down only', () => {
  const uses = filesOf('src')
    .filter((file) => file.endsWith('.rs') && !/\btests?\b/.test(file))
    .flatMap((file) =>
      [...withoutTests(file).matchAll(/\bcrate::([a-z_]+)/g)].map(([, room]) => ({
        from: file,
        to: `src/${room}`,
      })),
    )
    .filter(({ from, to }) => roomOf(from) !== roomOf(to))
  assert.ok(uses.length > 50, 'the use lines were found')
  assert.deepEqual(arrowsUp(uses, RUST_ROOMS), [])
})

test('no files of src/ know each other', () => {
  const uses = usesWithinRooms()
  assert.ok(uses.length > 200, 'the uses were found')
  assert.deepEqual(cycles(uses), [])
})

test('every file of src/ begins by saying what it is about', () => {
  for (const file of filesOf('src').filter((name) => !/\btests?\b/.test(name))) {
    assert.match(readFileSync(join(root, file), 'utf8'), /^\/\/! \S/, file)
  }
})

test('the files are there through which one get is followed', () => {
  const ways = { 'src/lib.rs': /^\/\/! .*$/gm, 'lib/store/store.cjs': /^\/\/ .*$/gm }
  for (const [page, comment] of Object.entries(ways)) {
    const text = readFileSync(join(root, page), 'utf8').match(comment).join(' ')
    const named = text.match(/[\w/-]+\.(?:rs|cjs)\b/g)
    assert.ok(named.length > 5, page)
    for (const name of named) {
      const path = name.startsWith('lib/') ? name : join(dirname(page), name)
      assert.ok(existsSync(join(root, path)), `${name} in ${page}`)
    }
  }
})

/** What a file of src/ names by `super::`: a file, or what a `mod.rs` has from one of its files. */
function usesWithinRooms() {
  const files = new Set(filesOf('src'))
  return [...files]
    .filter((file) => file.endsWith('.rs') && !file.includes('tests'))
    .flatMap((file) => {
      const named = withoutTests(file).matchAll(/\b((?:super::)+)(?:(\w+)|\{([^}]*)\})/g)
      return [...named]
        .flatMap(([, supers, name, list]) => {
          const ups = supers.split('::').length - (file.endsWith('/mod.rs') ? 1 : 2)
          const folder = normalize(join(dirname(file), ...Array(ups).fill('..')))
          return namesIn(name ?? list).map((each) => fileOf(files, folder, each))
        })
        .filter((to) => to !== undefined && to !== file)
        .map((to) => ({ from: file, to }))
    })
}

/** The file of a module, or that from which the `mod.rs` beside it has a name. */
function fileOf(files, folder, name) {
  const found = [`${name}.rs`, `${name}/mod.rs`].map((path) => join(folder, path))
  const module = found.find((path) => files.has(path))
  if (module !== undefined || !files.has(join(folder, 'mod.rs'))) return module
  const uses = withoutTests(join(folder, 'mod.rs')).matchAll(
    /\buse self::(\w+)::(?:\{([^}]*)\}|(\w+))/g,
  )
  const [, from] = [...uses].find(([, , list, one]) => namesIn(list ?? one).includes(name)) ?? []
  return from && fileOf(files, folder, from)
}

/** The names of a `use` line: of what is imported, not of what is in it. */
function namesIn(list) {
  return list.split(',').map((name) => name.trim().split(/::| as /)[0])
}

/** What the files of a folder import of each other. */
function importsOf(folder) {
  return filesOf(folder)
    .filter((file) => /\.[cm]js$/.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      const targets = text.matchAll(/(?:require\(|from )'(\.[^']+)'/g)
      // The addon itself lies outside.
      return [...targets]
        .map(([, target]) => ({ from: file, to: normalize(join(dirname(file), target)) }))
        .filter(({ to }) => to.startsWith(folder))
    })
}

function filesOf(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

/** A Rust file without its comments and its unit tests, which may look further. */
function withoutTests(file) {
  const [code] = readFileSync(join(root, file), 'utf8').split(/#\[cfg\(test\)\]\s*mod \w+ \{/)
  return code.replaceAll(/\/\/.*$/gm, '')
}

function roomOf(path) {
  return path.split('/')[1].replace(/\.[a-z]+$/, '')
}

function arrowsUp(arrows, rooms) {
  return arrows
    .filter(({ from, to }) => {
      const [above, below] = [from, to].map((path) => rooms.indexOf(roomOf(path)))
      const isTop = roomOf(from) === 'lib' || roomOf(to) === 'lib'
      return !isTop && (above === -1 || below === -1 || above > below)
    })
    .map(({ from, to }) => `${from} → ${to}`)
}

/** The arrows that lead back to where they come from. */
function cycles(arrows) {
  const targets = Map.groupBy
    ? Map.groupBy(arrows, ({ from }) => from)
    : arrows.reduce(
        (map, arrow) => map.set(arrow.from, [...(map.get(arrow.from) ?? []), arrow]),
        new Map(),
      )
  const reaches = (from, wanted, seen = new Set()) =>
    (targets.get(from) ?? []).some(({ to }) => {
      if (to === wanted) return true
      if (seen.has(to)) return false
      seen.add(to)
      return reaches(to, wanted, seen)
    })
  return arrows.filter(({ from, to }) => reaches(to, from)).map(({ from, to }) => `${from} → ${to}`)
}
