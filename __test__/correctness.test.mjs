// The comparison of the README and docs/benchmarks.md, with few rounds.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compareCorrectness, correctnessTable } from '../bench/correctness.mjs'

const ROUNDS = 5

test('other stores lose what this one keeps', async () => {
  const rows = await compareCorrectness({ rounds: ROUNDS })
  const [{ name, version: _version, ...ours }, ...peers] = rows
  assert.equal(name, 'mongodb-session-store')
  assert.deepEqual(ours, { lostUpdate: 0, resurrected: 0, touchFailed: 0 })
  assert.equal(peers.length, 3)
  for (const peer of peers) {
    assert.equal(peer.lostUpdate, ROUNDS, peer.name)
    assert.equal(peer.resurrected, ROUNDS, peer.name)
  }
  assert.ok(peers.some(({ touchFailed }) => touchFailed === ROUNDS))
})

test('the comparison is a Markdown table', () => {
  const row = { name: 'a', version: '1', lostUpdate: 1, resurrected: 2, touchFailed: 3 }
  const [head, rule, line] = correctnessTable([row], 4).split('\n')
  assert.match(head, /^\| {2}\| .+ \| .+ \| .+ \|$/)
  assert.equal(rule, '| --- | ---: | ---: | ---: |')
  assert.equal(line, '| a 1 | 1 of 4 | 2 of 4 | 3 of 4 |')
})
