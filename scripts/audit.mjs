// `npm run audit`: known vulnerabilities of the dependencies, and with them licences and sources.
// It asks databases on the network, so that it is no part of `npm test`; what needs no network,
// __test__/supply-chain.test.mjs checks there.
import { spawnSync } from 'node:child_process'
import { isMain, main, root, step } from './step.mjs'

const CHECKS = [
  ['Packages that users install with this one', 'npm', ['audit', '--omit=dev']],
  [
    'Licences, sources and versions of the crates',
    'cargo',
    denyCheck('licenses', 'bans', 'sources'),
  ],
  ['Advisories about the crates', 'cargo', denyCheck('advisories')],
]

function denyCheck(...checks) {
  return ['deny', '--log-level', 'error', 'check', ...checks]
}

/** Makes every check, whatever becomes of the others. */
async function audit() {
  if (spawnSync('cargo', ['deny', '--version'], { cwd: root }).status !== 0) {
    throw new Error('cargo-deny is not installed: cargo install --locked cargo-deny')
  }
  const failures = []
  for (const check of CHECKS) await step(...check).catch(({ message }) => failures.push(message))
  if (failures.length > 0) throw new Error(failures.join('\n  '))
}

if (isMain(import.meta)) await main(audit)
