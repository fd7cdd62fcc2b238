'use strict'
// Loads the addon built for this platform: from this package, or from the package of the platform.

const { join } = require('node:path')
const { usesMusl } = require('./c-library.cjs')

/** The name of the platform as the files and packages of the addon carry it. */
function platformName() {
  const { platform, arch } = process
  if (platform === 'linux') return `linux-${arch}-${usesMusl() ? 'musl' : 'gnu'}`
  if (platform === 'win32') return `win32-${arch}-msvc`
  return `${platform}-${arch}`
}

function load() {
  const name = platformName()
  const file = join(__dirname, '..', '..', `mongodb-session-store.${name}.node`)
  const causes = []
  for (const source of [file, `mongodb-session-store-${name}`]) {
    try {
      return require(source)
    } catch (error) {
      causes.push(error)
    }
  }
  const missing = causes.every((error) => error.code === 'MODULE_NOT_FOUND')
  const mend = missing
    ? `Install it with "npm install mongodb-session-store-${name}" (npm leaves it out with --omit=optional, ` +
      'or when the lock file was made on another platform), or build it in a clone of the repository ' +
      'with "npm run build", which needs a Rust toolchain, and put the file there.'
    : 'It is there but cannot be loaded, see the cause. Remove node_modules and install again on this very ' +
      'platform, or build it in a clone of the repository with "npm run build".'
  const error = new Error(
    `mongodb-session-store has no addon for ${name} that works: looked for the file ${file} ` +
      `and the package mongodb-session-store-${name}. ${mend}`,
    { cause: causes.find((cause) => cause.code !== 'MODULE_NOT_FOUND') ?? causes[0] },
  )
  error.code = 'ERR_STORE_ADDON'
  throw error
}

module.exports = load()
