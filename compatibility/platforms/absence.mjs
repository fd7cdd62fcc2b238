// What the package says on another platform than the one of the addon that is here.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { addonName } from '../../scripts/build.mjs'
import { root } from '../../scripts/step.mjs'

const PROGRAM = 'compatibility/checks/programs/import.mjs'

/** Outcomes as those of the checks: without an addon, and with the one of this system. */
export function checkAbsence({ name, says }, runtime) {
  const here = addonName()
  if (here.includes(name)) return []
  const NAPI_RS_NATIVE_LIBRARY_PATH = join(root, here)
  return [
    outcomeOf(runtime, `no addon for ${name} that works`),
    outcomeOf(runtime, says, { NAPI_RS_NATIVE_LIBRARY_PATH }),
  ]
}

function outcomeOf({ command, args }, says, env = {}) {
  const { stderr } = spawnSync(command, [...args, PROGRAM], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  const isOk = stderr.includes('ERR_STORE_ADDON') && stderr.includes(says)
  const title = `${Object.keys(env).join('') || 'nothing'} is there: "${says}"`
  return { group: 'Refused addons', title, isOk, message: stderr }
}
