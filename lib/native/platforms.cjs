'use strict'
// Where the addon of each platform is: in this package, where `npm run build` and `npx mongodb-session-store build` put
// it, or in the platform's own package. Every path is written out, and each `require` stands in a `try`, so that
// bundlers, Yarn's Plug'n'Play and single executables can follow those that are there and pass over the others.

/** By the name of a platform, what loads its addon; `failed` is told why a place has none. */
const PLATFORMS = {
  'linux-x64-gnu'(failed) {
    try {
      return require('../../mongodb-session-store.linux-x64-gnu.node')
    } catch (error) {
      failed(error)
    }
    try {
      return require('mongodb-session-store-linux-x64-gnu')
    } catch (error) {
      failed(error)
    }
  },
  'linux-x64-musl'(failed) {
    try {
      return require('../../mongodb-session-store.linux-x64-musl.node')
    } catch (error) {
      failed(error)
    }
    try {
      return require('mongodb-session-store-linux-x64-musl')
    } catch (error) {
      failed(error)
    }
  },
  'linux-arm64-gnu'(failed) {
    try {
      return require('../../mongodb-session-store.linux-arm64-gnu.node')
    } catch (error) {
      failed(error)
    }
    try {
      return require('mongodb-session-store-linux-arm64-gnu')
    } catch (error) {
      failed(error)
    }
  },
  'linux-arm64-musl'(failed) {
    try {
      return require('../../mongodb-session-store.linux-arm64-musl.node')
    } catch (error) {
      failed(error)
    }
    try {
      return require('mongodb-session-store-linux-arm64-musl')
    } catch (error) {
      failed(error)
    }
  },
  'darwin-x64'(failed) {
    try {
      return require('../../mongodb-session-store.darwin-x64.node')
    } catch (error) {
      failed(error)
    }
    try {
      return require('mongodb-session-store-darwin-x64')
    } catch (error) {
      failed(error)
    }
  },
  'darwin-arm64'(failed) {
    try {
      return require('../../mongodb-session-store.darwin-arm64.node')
    } catch (error) {
      failed(error)
    }
    try {
      return require('mongodb-session-store-darwin-arm64')
    } catch (error) {
      failed(error)
    }
  },
  'win32-x64-msvc'(failed) {
    try {
      return require('../../mongodb-session-store.win32-x64-msvc.node')
    } catch (error) {
      failed(error)
    }
    try {
      return require('mongodb-session-store-win32-x64-msvc')
    } catch (error) {
      failed(error)
    }
  },
  'win32-arm64-msvc'(failed) {
    try {
      return require('../../mongodb-session-store.win32-arm64-msvc.node')
    } catch (error) {
      failed(error)
    }
    try {
      return require('mongodb-session-store-win32-arm64-msvc')
    } catch (error) {
      failed(error)
    }
  },
}

module.exports = { PLATFORMS }
