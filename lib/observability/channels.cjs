'use strict'
// The diagnostics channels on which is published what stores do.

const { channel, tracingChannel } = require('node:diagnostics_channel')
const { VERBS } = require('./figures.cjs')

const name = (event) => `mongodb-session-store:${event}`

/** By method, its calls. */
const CALLS = Object.fromEntries(VERBS.map((verb) => [verb, tracingChannel(name(verb))]))

/** The commands that leave. */
const COMMANDS = tracingChannel(name('command'))

/** What happens without having been called, by its name. */
const EVENTS = Object.fromEntries(
  [
    'connection-created',
    'connection-ready',
    'connection-closed',
    'connection-checkout-failed',
    'failover',
    'outage-began',
    'outage-ended',
  ].map((event) => [event, channel(name(event))]),
)

/** Whether anybody listens to a tracing channel. Node has it since 20.13. */
const isHeard =
  'hasSubscribers' in COMMANDS
    ? (tracing) => tracing.hasSubscribers
    : ({ start, end, asyncStart, asyncEnd, error }) =>
        start.hasSubscribers ||
        end.hasSubscribers ||
        asyncStart.hasSubscribers ||
        asyncEnd.hasSubscribers ||
        error.hasSubscribers

/** Publishes an event, of which `facts` makes the message if somebody listens. */
function publish(event, facts) {
  const channel = EVENTS[event]
  if (channel.hasSubscribers) channel.publish(facts())
}

module.exports = { CALLS, COMMANDS, EVENTS, isHeard, publish }
