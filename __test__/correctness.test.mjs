// The comparison of the README and docs/benchmarks.md, with few rounds.
import './neutral-environment.mjs'
import assert from 'node:assert/strict'
import test from 'node:test'
import { compareCorrectness, correctnessTable } from '../bench/correctness.mjs'

const ROUNDS = 5
const INCREMENTS = 20

test('other stores lose what this one keeps', async () => {
  const rows = await compareCorrectness({ rounds: ROUNDS, increments: INCREMENTS })
  const [{ name, version: _version, ...ours }, ...peers] = rows
  assert.equal(name, 'mongodb-session-store')
  assert.ok(Object.keys(ours).length >= 7)
  for (const [scenario, count] of Object.entries(ours)) assert.equal(count, 0, scenario)
  assert.equal(peers.length, 3)
  for (const peer of peers) {
    assert.equal(peer.lostUpdate, ROUNDS, peer.name)
    assert.equal(peer.resurrected, ROUNDS, peer.name)
    assert.equal(peer.lostIncrement, ROUNDS, peer.name)
    assert.equal(peer.usedTwice, ROUNDS, peer.name)
    assert.equal(peer.lostInRenewal, ROUNDS, peer.name)
    assert.equal(peer.foundByWrong, ROUNDS, peer.name)
    // All of a process are there before the first one is saved.
    assert.ok(peer.lostIncrements > 0, peer.name)
  }
  assert.ok(peers.some(({ touchFailed }) => touchFailed === ROUNDS))
})

test('the comparison is a Markdown table', () => {
  const scenarios = ['lostUpdate', 'resurrected', 'lostIncrement', 'usedTwice', 'lostInRenewal', 'foundByWrong', 'touchFailed', 'lostIncrements'] // prettier-ignore
  const counts = Object.fromEntries(scenarios.map((scenario, at) => [scenario, at]))
  const rows = [
    { name: 'a', version: '1', ...counts },
    { name: 'b', version: '2', ...counts },
  ]
  const [head, rule, ...lines] = correctnessTable(rows, { rounds: 9, increments: 9 }).split('\n')
  assert.equal(head, '|  | a 1 | b 2 |')
  assert.equal(rule, '| --- | ---: | ---: |')
  const cells = lines.map((line) => /^\| [^|]+ \| (\d) of 9 \| (\d) of 9 \|$/.exec(line).slice(1))
  const expected = scenarios.map((_, at) => [`${at}`, `${at}`])
  assert.deepEqual(cells.sort(), expected)
})
