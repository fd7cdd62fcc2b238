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
 * `isBeside`: other steps run meanwhile, so that its output is shown in one piece, at its end. `isBehind`: so it
 * is, and it gets what the others leave of the processors.
 */
export async function step(title, command, args, options = {}) {
  const { env = {}, cwd = root, count, isBehind = false, isBeside = isBehind } = options
  const begin = Date.now()
  if (!isBeside) console.log(`\n▸ ${title}`)
  const isWindows = process.platform === 'win32'
  const words = isBehind && !isWindows ? ['nice', '-n', '19', command, ...args] : [command, ...args]
  const child = spawn(words[0], words.slice(1), {
    cwd,
    env: { ...process.env, PATH, ...env },
    stdio: ['ignore', count || isBeside ? 'pipe' : 'inherit', isBeside ? 'pipe' : 'inherit'],
    // On Windows npm and its tools are .cmd files, which only a shell can start.
    shell: isWindows,
  })
  let output = ''
  const take = (chunk) => {
    if (!isBeside) process.stdout.write(chunk)
    output += chunk
  }
  child.stdout?.setEncoding('utf8').on('data', take)
  child.stderr?.setEncoding('utf8').on('data', take)
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
        if (isBeside) console.log(`\n▸ ${title}\n${output.trimEnd()}`)
        if (code === 0) resolve()
        else reject(new Error(`${title} failed: ${command} ended with ${signal ?? `code ${code}`}`))
      })
    })
  } catch (error) {
    // What runs beside it goes on, and may take a while to its own end.
    if (isBeside) console.log(`✗ ${error.message}`)
    throw error
  } finally {
    clearInterval(signOfLife)
    process.off('SIGINT', forward).off('SIGTERM', forward)
    const sum = (total, [, number]) => total + Number(number)
    const counted = count ? Array.from(output.matchAll(count)).reduce(sum, 0) : undefined
    account({ title, ms: Date.now() - begin, count: counted })
  }
  console.log(`✓ ${title} (${duration(Date.now() - begin)})`)
}

/** Waits for the end of each of these, and then rejects with all that has failed, if anything has. */
export async function allOf(...running) {
  const outcomes = await Promise.allSettled(running)
  const reasons = outcomes.flatMap(({ reason }) => reason ?? [])
  if (reasons.length === 1) throw reasons[0]
  if (reasons.length > 1) throw new Error(reasons.map(({ message }) => message).join('\n✗ '))
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
