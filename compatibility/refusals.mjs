// Runtimes that are started so that they refuse to load the addon, and what the store then says.
import { spawnSync } from 'node:child_process'
import { root } from '../scripts/step.mjs'

const PROGRAM = 'compatibility/checks/programs/import.mjs'
const PERMISSIONS = ['--permission', '--allow-fs-read=*']

/** Which runtimes, with what before the program, and what the message has to say. */
const REFUSALS = [
  { of: /^Node/, args: ['--no-addons'], says: '--no-addons: leave that out' },
  {
    of: /^Node/,
    args: [],
    env: { NODE_OPTIONS: '--no-addons' },
    says: '--no-addons: leave that out',
  },
  {
    of: /^Node 20/,
    args: ['--experimental-permission', PERMISSIONS[1]],
    says: 'add --allow-addons',
  },
  { of: /^Node 2[246]/, args: PERMISSIONS, says: 'add --allow-addons' },
  {
    of: /^Deno/,
    args: ['run', '--no-prompt', '--allow-read', '--allow-env'],
    says: 'add --allow-ffi',
  },
]

/** What each runtime makes of its refusals: outcomes as those of the checks. */
export function checkRefusals({ name, command }) {
  return REFUSALS.filter(({ of }) => of.test(name)).map(({ args, env = {}, says }) => {
    const { stderr } = spawnSync(command, [...args, PROGRAM], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    })
    const flags = [...Object.values(env), ...args].join(' ')
    const isOk = stderr.includes('ERR_STORE_ADDON') && stderr.includes(says)
    return { group: 'Refused addons', title: `${flags}: "${says}"`, isOk, message: stderr }
  })
}
