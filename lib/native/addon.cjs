'use strict'
// Loads the addon: the file that NAPI_RS_NATIVE_LIBRARY_PATH names, or the one for this platform.

const { existsSync } = require('node:fs')
const { resolve } = require('node:path')
const { platformName } = require('./platform.cjs')
const { PLATFORMS } = require('./platforms.cjs')
const { reasonOf } = require('./refusal.cjs')

const BUNDLED =
  'mongodb-session-store was bundled without its addon. Leave the package out of the bundle and install it where the ' +
  'bundle runs: esbuild --external:mongodb-session-store, Rollup and Vite external, webpack and Rspack externals, ' +
  'Next.js serverExternalPackages; or name the file of the addon in NAPI_RS_NATIVE_LIBRARY_PATH (docs/deploying.md).'

function load() {
  // A convention of napi-rs: for an addon that was built elsewhere, or that no loader could find.
  const path = process.env.NAPI_RS_NATIVE_LIBRARY_PATH
  return path ? loadFrom(path) : loadFor(platformName())
}

function loadFrom(path) {
  try {
    // Not `require`, which bundlers would look into and single executables do not have for files.
    const module = { exports: {} }
    process.dlopen(module, resolve(path))
    return module.exports
  } catch (error) {
    const problem = existsSync(path) ? reasonOf(error) : 'There is no such file.'
    throw failure(
      `mongodb-session-store cannot load the addon that NAPI_RS_NATIVE_LIBRARY_PATH names. ${problem}`,
      error,
    )
  }
}

function loadFor(name) {
  const failures = []
  const addon = PLATFORMS[name]?.((error) => failures.push(error))
  if (typeof addon?.NativeStore === 'function') return addon
  if (isBundled()) throw failure(BUNDLED, failures[0])
  const refused = failures.find((error) => !isMissing(error))
  const problem =
    refused === undefined ? absence(name) : `It is there but was refused. ${reasonOf(refused)}`
  throw failure(
    `mongodb-session-store has no addon for ${name} that works. ${problem}`,
    refused ?? failures[0],
  )
}

/** Whether this text is part of another file: what bundlers put in the place of Node's modules has no file. */
function isBundled() {
  return module.filename === undefined
}

/** What there is instead of an addon for this platform, and how to get one. */
function absence(name) {
  const build =
    'build it with "npx mongodb-session-store build", which needs Rust (https://rustup.rs) and takes minutes'
  const { optionalDependencies = {} } = require('../../package.json')
  const own = `mongodb-session-store-${name}`
  // Only what this release has: another package of that name would be somebody else's.
  if (Object.hasOwn(optionalDependencies, own)) {
    return (
      `The package ${own} is not installed: npm leaves it out with --omit=optional, and when the lock file was ` +
      `made on another platform. Install it with "npm install ${own}@${optionalDependencies[own]}", or ${build}.`
    )
  }
  const known = Object.hasOwn(PLATFORMS, name)
    ? 'This release does not bring one'
    : `There are addons for ${Object.keys(PLATFORMS).join(', ')}`
  return `${known}; ${build}.`
}

function isMissing(error) {
  return error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND'
}

function failure(message, cause) {
  return Object.assign(new Error(message, { cause }), { code: 'ERR_STORE_ADDON' })
}

module.exports = load()
