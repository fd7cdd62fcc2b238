// What the figures were taken on: kinds and versions, no names and no paths.
import { availableParallelism, cpus, totalmem, type } from 'node:os'
import { versionOf } from '../harness/version.mjs'

export function environment({ database, mainThreadMethod, rounds, timing }) {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0]?.model.trim(),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${process.arch}`,
    node: process.version,
    mongodb: database.version,
    ownMongod: database.pid !== undefined,
    express: versionOf('express'),
    expressSession: versionOf('express-session'),
    driver: versionOf('mongodb'),
    autocannon: versionOf('autocannon'),
    mainThreadMethod,
    rounds,
    timing,
  }
}
