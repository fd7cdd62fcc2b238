// The set of checks that a runtime or a server has to pass: a program that every runtime can run, without a
// test runner. `main.mjs URI` prints a line of TAP for each check; `memory:` is the engine without a server. Names of
// groups after it choose among them.
import assert from 'node:assert/strict'
import { newWorld } from './world.mjs'
import { GROUPS } from './groups.mjs'

const [uri, ...names] = process.argv.slice(2)
assert.ok(uri, 'usage: main.mjs URI [GROUP...]')

let number = 0
let failed = 0
for (const [group, checks] of Object.entries(GROUPS)) {
  if (names.length > 0 && !names.includes(group)) continue
  for (const [title, body] of Object.entries(checks)) {
    if (body.needsServer && uri === 'memory:') continue
    const error = await outcome(body)
    if (error !== undefined) failed++
    console.log(`${error ? 'not ok' : 'ok'} ${++number} - ${group}: ${title}`)
    if (error) console.log(String(error.stack ?? error).replace(/^/gm, '# '))
  }
}
console.log(`1..${number}`)
process.exitCode = failed === 0 ? 0 : 1

/** What a check ends with, if it fails. Its stores are closed in any case. */
async function outcome(body) {
  const world = newWorld(uri)
  try {
    await body(world)
    return undefined
  } catch (error) {
    return error ?? new Error('something that is no error was thrown')
  } finally {
    await world.end()
  }
}
