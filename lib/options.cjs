'use strict'
// The shape of the options: names and JavaScript types. What values mean, and every default, is
// decided in src/options.rs.

const { typeError } = require('./error.cjs')

const TYPES = {
  uri: ['string'],
  collection: ['string'],
  ttl: ['number', 'function'],
  prefix: ['string'],
  createTTLIndex: ['boolean'],
  operationTimeout: ['number'],
  whenDown: ['string'],
  autoRemove: ['string'],
  autoRemoveInterval: ['number'],
  save: ['string'],
  deleteFlags: ['boolean'],
  deleteGrace: ['number'],
}

/**
 * Checks the options and answers them as JSON for the addon, which knows no functions. Never
 * changes the caller's object; an option that is undefined counts as not given.
 */
function readOptions(options) {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw invalid(`options must be an object, got ${typeName(options)}`)
  }
  const given = {}
  for (const [name, value] of Object.entries(options)) {
    const types = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined
    if (types === undefined) throw invalid(`unknown option '${name}'${suggestion(name)}`)
    if (value === undefined) continue
    if (!types.includes(typeof value)) {
      throw invalid(`option '${name}' must be a ${types.join(' or a ')}, got ${typeName(value)}`)
    }
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw invalid(`option '${name}' must be a finite number, got ${value}`)
    }
    if (typeof value === 'string' && !value.isWellFormed()) {
      throw invalid(`option '${name}' must be well-formed Unicode, and holds a lone surrogate`)
    }
    given[name] = value
  }
  return given
}

function invalid(message) {
  return typeError('ERR_STORE_OPTION', message)
}

function typeName(value) {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

/** Names the known option that was probably meant. */
function suggestion(name) {
  const wanted = name.toLowerCase()
  const close = Object.keys(TYPES).find((known) => distance(known.toLowerCase(), wanted) <= 2)
  return close === undefined ? '' : `, did you mean '${close}'?`
}

/** Levenshtein's distance. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + change)
    }
    row = next
  }
  return row[b.length]
}

module.exports = { readOptions, invalid }
