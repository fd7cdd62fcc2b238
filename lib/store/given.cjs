'use strict'
// Which options a store was given, for what is made of one. Of their values nothing is kept: keys are among them.

const names = new WeakMap()

/** Takes note of the options of a store. */
function noteOptions(store, options) {
  const isGiven = (name) => options[name] !== undefined && options[name] !== false
  names.set(store, new Set(Object.keys(options).filter(isGiven)))
}

/** Whether a store was given an option, and not as false. */
function hasOption(store, name) {
  return names.get(store).has(name)
}

module.exports = { hasOption, noteOptions }
