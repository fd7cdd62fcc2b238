'use strict'
// The bson package of the application, of which the values are that it gets back: those of another version
// its driver would refuse.

const { createRequire } = require('node:module')
const { join } = require('node:path')

/** What a package that can be used has, which is so from version 4 on. */
const NEEDED = ['deserialize', 'ObjectId', 'Long', 'Binary']

/** The file of a driver's package that an application loads. */
const DRIVER = /[\\/]mongodb[\\/](?:lib[\\/])?index\.js$/

/** Finds the bson package when the first value needs it, and not before: not everybody has such values. */
class ApplicationBson {
  #clientOf
  #package

  /** `clientOf` answers the MongoClient that the application has given, as soon as there is one. */
  constructor(clientOf) {
    this.#clientOf = clientOf
  }

  get package() {
    this.#package ??= ofClient(this.#clientOf()) ?? ofApplication() ?? require('bson')
    return this.#package
  }
}

/** That of the driver of which a client is. */
function ofClient(client) {
  if (client === undefined) return undefined
  const isItsDriver = (file) => {
    const Client = DRIVER.test(file) ? require.cache[file]?.exports?.MongoClient : undefined
    return typeof Client === 'function' && client instanceof Client
  }
  const driver = Object.keys(require.cache).find(isItsDriver)
  return driver === undefined ? undefined : through([], driver)
}

/**
 * That of mongoose, or else of the driver, which the application has installed: seen from its program, from
 * the working directory, from here.
 */
function ofApplication() {
  const folders = [require.main?.filename ?? process.argv[1], join(process.cwd(), 'x'), __filename]
  for (const from of folders.filter(Boolean)) {
    const found = through(['mongoose', 'mongodb'], from) ?? through(['mongodb'], from)
    if (found !== undefined) return found
  }
  return undefined
}

/** The bson package as the last of some packages sees it, each of which is seen by the one before. */
function through(names, from) {
  try {
    const seen = names.reduce((file, name) => createRequire(file).resolve(name), from)
    const bson = createRequire(seen)('bson')
    return NEEDED.every((name) => typeof bson[name] === 'function') ? bson : undefined
  } catch {
    return undefined
  }
}

module.exports = { ApplicationBson }
