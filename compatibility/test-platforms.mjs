// `npm run test:platforms`: what a Node of each Linux says where the addon is missing or another platform's; then the
// addon is compiled, and every check runs with the package of that platform, on MongoDB, over TLS and in memory.
// `-- linux-arm64-gnu` chooses; `--prebuilt` takes the addons that are here already, `--profile release` compiles them as
// they are shipped, and `--without-addons` compiles nothing.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { printAccount } from '../scripts/account.mjs'
import { addonName } from '../scripts/build.mjs'
import { setup } from '../scripts/setup.mjs'
import { main, root } from '../scripts/step.mjs'
import { runChecks, shown } from './check-run.mjs'
import { buildAddonFor, checkNeeds } from './platforms/addon.mjs'
import { checkAbsence } from './platforms/absence.mjs'
import { withPackage } from './platforms/package-layout.mjs'
import { PLATFORMS, absenceOfPlatforms, assertInstalled } from './platforms/platforms.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'without-addons': { type: 'boolean', default: false },
    prebuilt: { type: 'boolean', default: false },
    profile: { type: 'string', default: 'development' },
  },
})
const chosen = PLATFORMS.filter(({ name }) => {
  return positionals.length === 0 || positionals.includes(name)
})

await main(async () => {
  if (chosen.length === 0) throw new Error(`there is no ${positionals.join(', ')} to be tested`)
  if (absenceOfPlatforms()) throw new Error(absenceOfPlatforms())
  // Before minutes of compiling.
  chosen.forEach(assertInstalled)
  await setup()
  const outcomes = []
  for (const platform of chosen) outcomes.push(...(await outcomesOn(platform)))
  printAccount()
  const failures = outcomes.filter(({ isOk }) => !isOk)
  if (failures.length > 0) throw new Error(`${failures.length} checks failed, see above`)
})

/** What came of all checks on a platform. */
async function outcomesOn(platform) {
  const { name } = platform
  const runtime = await platform.runtime()
  const refused = await shown(`${name} without its addon`, () => checkAbsence(platform, runtime))
  if (values['without-addons']) return refused
  const addon = values.prebuilt
    ? prebuilt(platform)
    : await buildAddonFor(platform, { profile: values.profile })
  const needed = await shown(`${name}: the file`, () => checkNeeds(addon, platform))
  const ran = await withPackage({ name, addon }, (folder) => runsOf(platform, runtime, folder))
  return [...refused, ...needed, ...ran.flat()]
}

function prebuilt({ name }) {
  const file = join(root, addonName(name))
  if (!existsSync(file)) throw new Error(`${addonName(name)} is not here`)
  return file
}

async function runsOf({ name }, runtime, folder) {
  // Imported only here: they need the dependencies that setup installed.
  const { provideMongodb } = await import('../scripts/mongodb.mjs')
  const { startTlsMongod } = await import('./platforms/tls-mongod.mjs')
  const mongodb = await provideMongodb({ args: ['--setParameter', 'ttlMonitorEnabled=false'] })
  const tls = await startTlsMongod()
  const check = (where, uri, options) => {
    return shown(`${name} ${where}`, () => runChecks(runtime, uri, { folder, ...options }))
  }
  try {
    return [
      await check('in memory', 'memory:'),
      await check('on MongoDB', mongodb.uri),
      await check('over TLS', tls.uri, { groups: ['Verbs'] }),
    ]
  } finally {
    await tls.stop()
    await mongodb.stop()
  }
}
