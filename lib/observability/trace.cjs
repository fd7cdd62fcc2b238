'use strict'
// One call, or one command, as the subscribers of its tracing channel see it.

const { AsyncResource } = require('node:async_hooks')
const { MongoSessionStoreError, isMistake } = require('../error.cjs')

class Trace {
  #channel
  /** The async context of the call, and in it what subscribers have bound to its start. */
  #resource

  /** What is published: the same object from the start to the end, for subscribers to know it by. */
  message

  /** Publishes the start. */
  constructor(channel, message) {
    this.#channel = channel
    this.message = message
    channel.start.runStores(message, () => {
      this.#resource = new AsyncResource('MongoSessionStoreTrace')
      channel.end.publish(message)
    })
  }

  /** Does something in the context of the call. */
  run(action, ...args) {
    return this.#resource.runInAsyncScope(action, undefined, ...args)
  }

  /** Publishes the end, and with it what is known by now. */
  end(facts) {
    const { error, asyncStart, asyncEnd } = this.#channel
    Object.assign(this.message, facts)
    this.run(() => {
      if (this.message.error !== undefined) error.publish(this.message)
      asyncStart.publish(this.message)
      asyncEnd.publish(this.message)
    })
  }
}

/** Codes of errors whose causes come from a server or the network, and hold nothing of a session. */
const WITH_CAUSE = /^ERR_STORE_(?:CONNECTION|TIMEOUT|SERVER|CLOSED)$/

/** An error for those who may log it. One that code of the application has thrown could quote anything. */
function presentable(error) {
  const isOurs = error instanceof MongoSessionStoreError || isMistake(error)
  if (isOurs && (error.cause === undefined || WITH_CAUSE.test(error.code))) return error
  if (isOurs) return new MongoSessionStoreError(error.code, error.message)
  return new Error('code of the application that the session store has called has failed')
}

module.exports = { Trace, presentable }
