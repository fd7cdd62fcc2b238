// How a command ends that has not done what was asked.

/** The exit codes, as docs/command-line.md has them. */
export const EXIT = { done: 0, failed: 1, usage: 2, missing: 3, problems: 4, interrupted: 130 }

/** A failure with its exit code. */
export class Failure extends Error {
  constructor(exitCode, code, message, options) {
    super(message, options)
    Object.assign(this, { exitCode, code })
  }
}

/** What was wrong with how the command was called. */
export function misuse(message) {
  return new Failure(EXIT.usage, 'ERR_CLI_USAGE', message)
}

/** Tells of a failure and answers its exit code: one object on stdout for machines, else a sentence on stderr. */
export function report(error, isJson, exitCode = exitCodeOf(error)) {
  const message = withoutPasswords(messageOf(error))
  const code = exitCode === EXIT.usage ? 'ERR_CLI_USAGE' : (error.code ?? 'ERR_CLI')
  if (isJson) {
    process.stdout.write(`${JSON.stringify({ error: { code, message, exitCode } })}\n`)
  } else {
    process.stderr.write(`✗ ${message}\n`)
    const advice = error.mongoCode === UNAUTHORIZED ? RIGHTS : ADVICE[error.code]
    if (advice !== undefined) process.stderr.write(`  ${advice}\n`)
  }
  return exitCode
}

function exitCodeOf(error) {
  if (error instanceof Failure) return error.exitCode
  // The options of the store come from flags or a file of the operator.
  return error.code === 'ERR_STORE_OPTION' ? EXIT.usage : EXIT.failed
}

/** Commander begins its own with a word, and has suggestions on a line of their own. */
function messageOf({ message, cause }) {
  const text = message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
  return cause instanceof Error && !text.includes(cause.message)
    ? `${text} (${cause.message})`
    : text
}

/** A connection string without its credentials, wherever it stands in a text. A password may hold blanks. */
export function withoutPasswords(text) {
  return text.replaceAll(/(mongodb(?:\+srv)?:\/\/).*@/gis, '$1***@')
}

/** MongoDB's code for a right that somebody does not have. */
const UNAUTHORIZED = 13
const RIGHTS =
  'The user of the connection string may not do that: "doctor" shows which rights there are.'

const ADVICE = {
  ERR_STORE_OVERLOADED: 'The server sheds load: try again when it has less to do.',
  ERR_STORE_CONNECTION:
    'Is it the right server? --uri or MONGODB_URI says where; "doctor" tells what is wrong there.',
  ERR_STORE_TIMEOUT:
    'The server is there but slow: look at its load, or give --operationTimeout more.',
  ERR_STORE_DECRYPT:
    'The keys are those of "encryption" in the file that --config names; are they the ones of the application?',
}
