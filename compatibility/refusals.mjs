// Runtimes that are started so that they refuse to load the addon, and what the store then says; and with the rights that
// are enough.
import { spawnSync } from 'node:child_process'
import { root } from '../scripts/step.mjs'

const PROGRAM = 'compatibility/checks/programs/import.mjs'
const KEEPING = 'compatibility/checks/programs/keep.mjs'
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

/** With which rights a store works, and no others; see docs/where-it-runs.md. */
const RIGHTS = [
  { of: /^Node 20/, args: ['--experimental-permission', PERMISSIONS[1], '--allow-addons'] },
  { of: /^Node 2[246]/, args: [...PERMISSIONS, '--allow-addons'] },
  {
    of: /^Deno/,
    args: ['run', '--no-prompt', '--allow-read', '--allow-env', '--allow-ffi'],
  },
]

/** What each runtime makes of its refusals and of the rights that are enough: outcomes as those of the checks. */
export function checkRefusals(runtime) {
  const isOf = ({ of }) => of.test(runtime.name)
  return [
    ...REFUSALS.filter(isOf).map((refusal) => refusedOn(runtime, refusal)),
    ...RIGHTS.filter(isOf).map((rights) => permittedOn(runtime, rights)),
  ]
}

function refusedOn({ command }, { args, env = {}, says }) {
  const { stderr } = run(command, [...args, PROGRAM], env)
  const flags = [...Object.values(env), ...args].join(' ')
  const isOk = stderr.includes('ERR_STORE_ADDON') && stderr.includes(says)
  return { group: 'Refused addons', title: `${flags}: "${says}"`, isOk, message: stderr }
}

function permittedOn({ command }, { args }) {
  const { stdout, stderr } = run(command, [...args, KEEPING])
  const message = stdout + stderr
  return { group: 'Rights', title: args.join(' '), isOk: stdout === 'ada\n', message }
}

function run(command, args, env = {}) {
  return spawnSync(command, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } })
}
