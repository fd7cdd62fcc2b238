// What the types of the entries are to the types of the packages that they are for.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const require = createRequire(import.meta.url)

test('the packages take what the entries answer, by their own types', async () => {
  const project = fileURLToPath(new URL('types/tsconfig.json', import.meta.url))
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')
  await execute(process.execPath, [tsc, '-p', project]).catch(({ stdout }) => assert.fail(stdout))
})
