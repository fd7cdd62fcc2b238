// Where the package runs: the newest Node, and the tables that say so of all. `npm run test:runtimes` and
// `npm run test:servers` make those.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import test from 'node:test'
import { parseTarget } from '../cli/targets.mjs'
import { runChecks } from '../compatibility/check-run.mjs'
import { GROUPS } from '../compatibility/checks/groups.mjs'
import { PLATFORMS } from '../compatibility/platforms/platforms.mjs'
import { checkRefusals } from '../compatibility/refusals.mjs'
import {
  NEWEST,
  RUNTIMES,
  absenceOfRuntimes,
  installRuntimes,
  versionOf,
} from '../compatibility/runtimes.mjs'
import { SERVERS } from '../compatibility/servers.mjs'
import { readTable } from '../compatibility/table.mjs'
import { root } from '../scripts/step.mjs'
import { database, isLong } from './support.mjs'

const { napi } = createRequire(import.meta.url)(join(root, 'package.json'))

// On MongoDB there are all checks; `npm run test:runtimes` has both engines on each runtime.
for (const engine of isLong ? ['mongodb', 'memory'] : ['mongodb']) {
  test(`the newest Node passes every check (${engine})`, async (t) => {
    if (absenceOfRuntimes()) return t.skip(absenceOfRuntimes())
    await installRuntimes({ all: false })
    const uri = engine === 'memory' ? 'memory:' : (await database(t)).uri
    const outcomes = [...(await runChecks(NEWEST, uri)), ...checkRefusals(NEWEST)]
    assert.deepEqual(
      outcomes.filter(({ isOk }) => !isOk),
      [],
    )
    for (const group of Object.keys(GROUPS)) {
      const ran = outcomes.filter((outcome) => outcome.group === group)
      assert.deepEqual(
        ran.map(({ title }) => title),
        titlesOf(group, engine),
        group,
      )
    }
  })
}

test('the table of runtimes is that of the checks and of the runtimes as they are', () => {
  const [titles, , ...rows] = cellsOf(readTable('runtimes'))
  const named = RUNTIMES.map((runtime) => `${runtime.name.split(' ')[0]} ${versionOf(runtime)}`)
  assert.deepEqual(titles, ['checks', ...named])
  assertChecks(
    rows.filter(([group]) => Object.hasOwn(GROUPS, group)),
    ['mongodb', 'memory'],
  )
})

test('the table of servers is that of the checks and of the servers as they are', () => {
  const [titles, , ...rows] = cellsOf(readTable('servers'))
  assert.deepEqual(titles, ['checks', ...SERVERS.map(({ version }) => `MongoDB ${version}`)])
  assertChecks(rows, ['mongodb'])
})

test('every Linux that is shipped can be compiled and tried by npm run test:platforms', () => {
  const shipped = napi.targets.filter((target) => target.includes('-linux-'))
  const tried = PLATFORMS.map(({ name, target }) => ({ name, ...parseTarget(target) }))
  assert.deepEqual(
    tried.map(({ triple }) => triple),
    shipped,
  )
  for (const { name, platform, glibc } of tried) {
    assert.equal(name, platform)
    assert.equal(glibc, name.endsWith('-gnu') ? '2.28' : undefined)
  }
})

/** Every group of checks is in the table, with as many checks on these engines as there are. */
function assertChecks(rows, engines) {
  assert.deepEqual(
    rows.map(([group]) => group),
    Object.keys(GROUPS),
  )
  for (const [group, ...cells] of rows) {
    const count = engines.flatMap((engine) => titlesOf(group, engine)).length
    for (const cell of cells) assert.match(cell, new RegExp(`^(?:\\d+ of )?${count}$`), group)
  }
}

/** The checks of a group that an engine has. */
function titlesOf(group, engine) {
  const checks = Object.entries(GROUPS[group])
  const run = checks.filter(([, { needsServer }]) => engine === 'mongodb' || !needsServer)
  return run.map(([title]) => title)
}

function cellsOf(table) {
  return table.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}
