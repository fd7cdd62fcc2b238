// The comparison of the README and docs/benchmarks.md, with few rounds.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compareCorrectness, correctnessTable } from '../bench/correctness.mjs'

const ROUNDS = 5

test('other stores lose what this one keeps', async () => {
  const rows = await compareCorrectness({ rounds: ROUNDS })
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
  }
  assert.ok(peers.some(({ touchFailed }) => touchFailed === ROUNDS))
})

test('the comparison is a Markdown table', () => {
  const scenarios = ['lostUpdate', 'resurrected', 'lostIncrement', 'usedTwice', 'lostInRenewal', 'foundByWrong', 'touchFailed'] // prettier-ignore
  const counts = Object.fromEntries(scenarios.map((scenario, at) => [scenario, at]))
  const rows = [
    { name: 'a', version: '1', ...counts },
    { name: 'b', version: '2', ...counts },
  ]
  const [head, rule, ...lines] = correctnessTable(rows, 9).split('\n')
  assert.equal(head, '|  | a 1 | b 2 |')
  assert.equal(rule, '| --- | ---: | ---: |')
  const cells = lines.map((line) => /^\| [^|]+ \| (\d) of 9 \| (\d) of 9 \|$/.exec(line).slice(1))
  const expected = scenarios.map((_, at) => [`${at}`, `${at}`])
  assert.deepEqual(cells.sort(), expected)
})
