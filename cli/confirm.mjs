// Before something is destroyed or rewritten: nothing happens without a yes that has seen the count.
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'

/** Gives a command the options that go with it. */
export function takesConfirmation(command) {
  return command
    .option('--yes', 'go ahead without asking, for scripts')
    .option('--dry-run', 'only say what would be done')
}

/**
 * Whether to go ahead with `deed`, such as `end 3 sessions`. On a terminal the operator has to type the count;
 * elsewhere only `--yes` is one.
 */
export async function isConfirmed(
  { yes = false, dryRun = false, json = false },
  { count, deed },
  { input = process.stdin, output = process.stderr } = {},
) {
  if (dryRun) return false
  if (yes) return true
  if (count === 0 || json || !input.isTTY || !output.isTTY) return false
  const questions = createInterface({ input, output })
  // Ctrl-C and Ctrl-D answer nothing: depending on Node's version the question stays open for ever.
  const closed = once(questions, 'close').then(() => undefined)
  try {
    const asked = questions.question(`This will ${deed}. Type ${count} to go ahead: `)
    const answer = await Promise.race([asked.catch(() => undefined), closed])
    if (answer === undefined) output.write('\n')
    return answer?.trim() === String(count)
  } finally {
    questions.close()
  }
}
