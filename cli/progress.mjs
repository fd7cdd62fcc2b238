// Work that takes long: a bar on a terminal, and an end when the operator wants one.
import { EXIT, Failure } from './failure.mjs'

/** How far a command is. There is a bar on a terminal only, of which the cursor can be moved, and never beside JSON. */
export async function startProgress(output, label, total) {
  const hasBar = process.stderr.isTTY && process.env.TERM !== 'dumb' && !output.isJson
  if (!hasBar || total < 1000) return { advance() {}, stop() {} }
  const { default: bars } = await import('cli-progress')
  const format = `${label} {bar} {percentage} % | {value} of {total} | {eta_formatted} left`
  const bar = new bars.SingleBar({ format, barsize: 24, clearOnComplete: true, etaBuffer: 50 })
  // It switches the wrapping of lines off, which is to be on again however the process ends.
  const stop = () => bar.stop()
  process.once('exit', stop)
  bar.start(total, 0)
  return {
    advance: (count) => bar.increment(count),
    stop() {
      process.off('exit', stop)
      stop()
    },
  }
}

/** What an operator wants to know when long work has failed. */
export const GOES_ON = 'What is done is done; the same command goes on from there.'

const SIGNALS = ['SIGINT', 'SIGTERM']

let isInterrupted = false

/**
 * From now on Ctrl-C lets the page that is under way be finished; a second one ends the process. Answers what makes
 * an end of that.
 */
export function finishPages() {
  for (const signal of SIGNALS) process.on(signal, interrupt)
  return () => {
    for (const signal of SIGNALS) process.off(signal, interrupt)
  }
}

function interrupt() {
  if (isInterrupted) process.exit(EXIT.interrupted)
  isInterrupted = true
}

/** Ends the command between two pages if the operator has asked for that. */
export function stopIfInterrupted() {
  if (!isInterrupted) return
  throw new Failure(EXIT.interrupted, 'ERR_CLI_INTERRUPTED', 'interrupted between two pages')
}
