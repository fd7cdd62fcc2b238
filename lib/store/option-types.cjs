'use strict'
// The shape of the options: their names, and of each the JavaScript types; a record is an object of
// options of its own, and no promise, list or other object. Without the addon, so that what only
// lists them needs none.

const TYPES = {
  uri: ['string'],
  dbName: ['string'],
  driverOptions: ['record'],
  writeConcern: ['record'],
  client: ['object'],
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
  hashIds: ['boolean'],
  fields: {
    id: ['string'],
    session: ['string'],
    expires: ['string'],
    lastAccess: ['string'],
    deleted: ['string'],
  },
  expireAfter: ['number'],
  timestamps: ['boolean'],
  touchAfter: ['number'],
  absoluteTimeout: ['number', 'function'],
  stringify: ['boolean'],
  serialize: ['function'],
  unserialize: ['function'],
  cryptoAdapter: ['object'],
  transformId: ['function'],
  touchOnGet: ['boolean'],
  fallbackMemory: ['boolean'],
  watch: ['boolean'],
  userId: ['function'],
  maxPerUser: ['number', 'function'],
  whenFull: ['string'],
  countsAsActivity: ['function'],
  assurance: ['number'],
  device: ['boolean', 'function'],
  indexes: ['record'],
  previousStore: ['object'],
  encryption: {
    keys: ['array'],
    acceptUnencrypted: ['boolean'],
    decryptOnly: ['boolean'],
    context: ['string'],
  },
}

module.exports = { TYPES }
