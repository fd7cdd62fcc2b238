// Before something is destroyed or rewritten: nothing happens without a yes that has seen the count.
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
  if (dryRun || count === 0) return false
  if (yes) return true
  if (json || !input.isTTY || !output.isTTY) return false
  const questions = createInterface({ input, output })
  try {
    const answer = await questions.question(`This will ${deed}. Type ${count} to go ahead: `)
    return answer.trim() === String(count)
  } finally {
    questions.close()
  }
}
