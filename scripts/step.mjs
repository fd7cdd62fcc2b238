// One step of a script: a command that runs in plain sight, and how long it took.
import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { account, duration } from './account.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))

const SIGN_OF_LIFE_MS = 30_000

// The tools of node_modules by their names, as npm's own scripts have them.
const PATH = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter)

/**
 * Runs a command from the repository's root with its output shown as it comes, and rejects when
 * the command fails. A command that stays silent (npm, the linker) still shows that it is at work.
 * `count` is a pattern, global, whose first group in the output is a number of checks; they are summed up.
 */
export async function step(title, command, args, { env = {}, cwd = root, count } = {}) {
  const begin = Date.now()
  console.log(`\n▸ ${title}`)
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, PATH, ...env },
    stdio: ['ignore', count ? 'pipe' : 'inherit', 'inherit'],
    // On Windows npm and its tools are .cmd files, which only a shell can start.
    shell: process.platform === 'win32',
  })
  let output = ''
  child.stdout?.on('data', (chunk) => {
    process.stdout.write(chunk)
    output += chunk
  })
  const signOfLife = setInterval(() => {
    console.log(`  … ${title}: ${duration(Date.now() - begin)}`)
  }, SIGN_OF_LIFE_MS)
  // A signal meant for this script ends the command first; the script then goes on to clean up.
  const forward = (signal) => child.kill(signal)
  process.on('SIGINT', forward).on('SIGTERM', forward)
  try {
    await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        if (code === 0) resolve()
        else reject(new Error(`${title} failed: ${command} ended with ${signal ?? `code ${code}`}`))
      })
    })
  } finally {
    clearInterval(signOfLife)
    process.off('SIGINT', forward).off('SIGTERM', forward)
    const sum = (total, [, number]) => total + Number(number)
    const counted = count ? Array.from(output.matchAll(count)).reduce(sum, 0) : undefined
    account({ title, ms: Date.now() - begin, count: counted })
  }
  console.log(`✓ ${title} (${duration(Date.now() - begin)})`)
}

/** Runs a script's body; a failure is one line for a person, and a non-zero exit code. */
export async function main(body) {
  endWithNpm()
  try {
    await body()
  } catch (error) {
    console.error(`\n✗ ${process.env.DEBUG ? error.stack : error.message}`)
    process.exitCode = 1
  }
}

/** npm passes SIGTERM on to its shell alone; that this one is gone is then the signal. */
function endWithNpm() {
  if (!process.env.npm_lifecycle_event) return
  const shell = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(watch)
    process.kill(process.pid, 'SIGTERM')
  }, 500).unref()
}

/** Whether this module is the one that Node was started with. */
export function isMain(meta) {
  return process.argv[1] != null && meta.url === pathToFileURL(realpathSync(process.argv[1])).href
}
