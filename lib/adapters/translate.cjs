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
    put(own, name, path, convert === undefined ? given : convert(name, given))
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

const UNITS = { seconds: 1000, minutes: 60_000 }

/** The longest time that the store takes for a session, in seconds; LONGEST of lib/options.cjs. */
const LONGEST_SECONDS = 4e12

/**
 * A number of `seconds` or `minutes` in milliseconds. What is not between `least` and `most` of them is
 * refused here, since the store would say so in milliseconds.
 */
function inMs(name, value, unit, least = -Infinity, most = Infinity) {
  const isNumber = typeof value === 'number' && Number.isFinite(value)
  if (!isNumber || value < least || value > most) {
    const range = Number.isFinite(most) ? ` between ${least} and ${most}` : ''
    const got = typeof value === 'number' ? value : typeof value
    throw invalid(`option '${name}' must be a number of ${unit}${range}, got ${got}`)
  }
  return Math.round(value * UNITS[unit])
}

module.exports = { LONGEST_SECONDS, inMs, refusal, translate }
