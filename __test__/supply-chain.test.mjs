// What reaches users besides this repository: where it comes from and under which licences.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { root } from '../scripts/step.mjs'

const execute = promisify(execFile)
const CRATES_IO = 'registry+https://github.com/rust-lang/crates.io-index'

/** The licences that deny.toml allows, so that both checks have one list. */
const [, list] = /^allow = \[([^\]]*)\]/m.exec(await readFile(join(root, 'deny.toml'), 'utf8'))
const ALLOWED = new Set(Array.from(list.matchAll(/"(.+?)"/g), ([, licence]) => licence))

/** Whether a licence expression of SPDX can be met with what is allowed. */
function isAllowed(expression) {
  let rest = expression.replaceAll('/', ' OR ')
  // The innermost parentheses first, each replaced by whether it can be met.
  for (let inner; (inner = /\(([^()]*)\)/.exec(rest)) !== null;) {
    rest = rest.replace(inner[0], canBeMet(inner[1]))
  }
  return canBeMet(rest)
}

function canBeMet(flat) {
  const isMet = (term) => term.trim() === 'true' || ALLOWED.has(term.trim())
  return flat.split(' OR ').some((terms) => terms.split(' AND ').every(isMet))
}

test('licence expressions are read as SPDX means them', () => {
  for (const [expression, allowed] of [
    ['MIT', true],
    ['GPL-3.0-only', false],
    ['MIT OR GPL-3.0-only', true],
    ['GPL-3.0-only/MIT', true],
    ['MIT AND GPL-3.0-only', false],
    ['(MIT OR GPL-3.0-only) AND Unicode-3.0', true],
    ['(GPL-2.0-only OR GPL-3.0-only) AND MIT', false],
    ['Apache-2.0 WITH LLVM-exception', true],
    ['GPL-3.0-only WITH GCC-exception-3.1', false],
    ['', false],
  ]) {
    assert.equal(isAllowed(expression), allowed, expression)
  }
})

/** The crates of which the addon is built, on any platform; those of the tests are not among them. */
async function crates() {
  const { stdout } = await execute('cargo', ['metadata', '--locked', '--format-version=1'], {
    cwd: root,
    // Crates of other platforms may have to be fetched.
    env: { ...process.env, CARGO_NET_RETRY: '10' },
    maxBuffer: 2 ** 26,
  })
  const { packages, resolve } = JSON.parse(stdout)
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]))
  const ids = new Set([resolve.root])
  // A Set that grows while it is walked is walked to its new end.
  for (const id of ids) {
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) {
      if (kinds.some(({ kind }) => kind !== 'dev')) ids.add(pkg)
    }
  }
  ids.delete(resolve.root)
  return packages.filter(({ id }) => ids.has(id))
}

test('every crate in the addon has a permissive licence and comes from the registry or from here', async () => {
  const all = await crates()
  assert.ok(all.some(({ name }) => name === 'mongodb'))
  for (const { name, version, license, source } of all) {
    assert.ok(isAllowed(license ?? ''), `${name} ${version} has the licence ${license}`)
    // Without a source it is in crates/, in the place of the one of the registry.
    if (source !== null) assert.equal(source, CRATES_IO, `${name} ${version}`)
  }
})

test('TLS and cryptography have one provider, and nothing speaks HTTP/2', async () => {
  const names = new Set((await crates()).map(({ name }) => name))
  assert.ok(names.has('ring'))
  for (const name of ['aws-lc-rs', 'aws-lc-sys', 'openssl-sys', 'native-tls', 'h2']) {
    assert.ok(!names.has(name), name)
  }
})

test('bson, and the parser and the progress bar of the command line are all that users install with the package, under a permissive licence', async () => {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  const { '': own, ...installed } = packages
  const users = Object.entries(installed).filter(([, { dev, devOptional }]) => !dev && !devOptional)
  assert.deepEqual(Object.keys(own.dependencies), ['bson', 'cli-progress', 'commander'])
  assert.deepEqual(
    users.map(([path]) => path),
    [
      ...['ansi-regex', 'bson', 'cli-progress', 'commander', 'emoji-regex'],
      ...['is-fullwidth-code-point', 'string-width', 'strip-ansi'],
    ].map((name) => `node_modules/${name}`),
  )
  for (const [, { license }] of users) assert.ok(isAllowed(license ?? ''), license)
})

test('every npm package in the lock file is pinned by its hash', async () => {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  const { '': _own, ...installed } = packages
  for (const [path, { integrity, resolved }] of Object.entries(installed)) {
    assert.match(integrity ?? '', /^sha512-/, path)
    // Left out of the lock file, it is the registry.
    if (resolved !== undefined) assert.match(resolved, /^https:/, path)
  }
})

test('nothing in the release profile undoes that the addon is stripped', async () => {
  // findings/cargo-override-undoes-strip.sh
  const manifest = await readFile(join(root, 'Cargo.toml'), 'utf8')
  const [, release, overrides] =
    /^\[profile\.release\]\n(.*?)^\[profile\.release\.package\]\n(.*?)(?:^\[|$(?![^]))/ms.exec(
      manifest,
    )
  assert.match(release, /^strip = "symbols"$/m)
  assert.doesNotMatch(overrides, /^"?mongodb-session-store"? =/m)
})
