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
  const [head, rule, line] = correctnessTable([{ name: 'a', version: '1', ...counts }], 5).split(
    '\n',
  )
  assert.match(head, /^\| {2}\|( [^|]+ \|){7}$/)
  assert.equal(rule, `| --- ${'| ---: '.repeat(7)}|`)
  assert.equal(line, '| a 1 | 0 of 5 | 1 of 5 | 2 of 5 | 3 of 5 | 4 of 5 | 5 of 5 | 6 of 5 |')
})
