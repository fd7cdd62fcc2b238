// What the tests of the diagnostics channels share: ears that are shut when the test has ended.
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel, tracingChannel } from 'node:diagnostics_channel'

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']

/** Whose request it is, for those who are called in its context. */
export const requests = new AsyncLocalStorage()

/**
 * Listens to tracing channels until the test ends, and answers what comes: the channel, the event, the message,
 * how that looks at the time, and whose request it is.
 */
export function listen(t, ...names) {
  const heard = []
  for (const name of names) {
    const tracing = tracingChannel(`mongodb-session-store:${name}`)
    const subscribers = Object.fromEntries(
      EVENTS.map((event) => [
        event,
        (message) => {
          heard.push({ name, event, message, then: { ...message }, request: requests.getStore() })
        },
      ]),
    )
    tracing.subscribe(subscribers)
    t.after(() => tracing.unsubscribe(subscribers))
  }
  return heard
}

/** The same for a plain channel, of which the messages are answered. */
export function listenPlainly(t, name) {
  const messages = []
  const subscriber = (message) => messages.push(message)
  const plain = channel(`mongodb-session-store:${name}`)
  plain.subscribe(subscriber)
  t.after(() => plain.unsubscribe(subscriber))
  return messages
}
