'use strict'
// The options of another package in terms of MongoSessionStore's.

const { invalid } = require('../error.cjs')

/**
 * Translates options by a table of `[own name, conversion]`; an own name may lead into `fields`, as in
 * `fields.id`. Options that are not in the table are taken as they are. Answers the own options, and
 * which of them the application knows by another name.
 */
function translate(options, table) {
  const names = new Map()
  // Without a prototype `__proto__` is an option like any other, and refused as one.
  const own = Object.assign(Object.create(null), options)
  for (const name of Object.keys(table)) delete own[name]
  for (const [name, [path, convert]] of Object.entries(table)) {
    const given = options[name]
    if (given === undefined || given === null) continue
    const value = convert === undefined ? given : convert(name, given)
    if (value === undefined) continue
    put(own, name, path, value)
    names.set(path, name)
  }
  return { own, names }
}

function put(own, name, path, value) {
  const [field, ofGroup] = path.split('.').reverse()
  const group = ofGroup === undefined ? own : (own[ofGroup] = { ...own[ofGroup] })
  if (group[field] !== undefined) {
    throw invalid(`options '${name}' and '${path}' exclude each other`)
  }
  group[field] = value
}

/** A refusal of an own option as a refusal of the option that the application has given. */
function refusal(error, names) {
  if (error.code !== 'ERR_STORE_OPTION') return error
  const rename = (name) => names.get(name) ?? name
  // Either all of a name is known by another one, or the group that it leads into.
  const renamed = (path) => rename(path).replace(/^[^.]+/, rename)
  return invalid(error.message.replace(/'([\w.]+)'/g, (_, path) => `'${renamed(path)}'`))
}

/** A number of seconds in milliseconds. */
function seconds(name, value) {
  if (typeof value !== 'number') {
    throw invalid(`option '${name}' must be a number of seconds, got ${typeof value}`)
  }
  return Math.round(value * 1000)
}

module.exports = { refusal, seconds, translate }
