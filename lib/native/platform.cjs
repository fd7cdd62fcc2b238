'use strict'
// The name of this platform, as the files and packages of the addon carry it.

const { usesMusl } = require('./c-library.cjs')

/** For example `linux-x64-gnu`, after the conventions of napi-rs. */
function platformName() {
  const { platform, arch } = process
  if (platform === 'linux') return `linux-${arch}-${usesMusl() ? 'musl' : 'gnu'}`
  if (platform === 'win32') return `win32-${arch}-msvc`
  return `${platform}-${arch}`
}

module.exports = { platformName }
