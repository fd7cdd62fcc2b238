'use strict'
// Why an addon that is there was not loaded, and what mends it.

/** What runtimes and dynamic loaders say, and what that means. */
const REASONS = [
  [
    // The flag may stand in NODE_OPTIONS, too; and `process.permission` is there with the permission model only.
    (error) =>
      error.code === 'ERR_DLOPEN_DISABLED' &&
      (process.execArgv.includes('--no-addons') || process.permission === undefined),
    'Node was started with --no-addons: leave that out',
  ],
  [
    (error) => error.code === 'ERR_DLOPEN_DISABLED',
    'Node was started with its permission model on: add --allow-addons',
  ],
  [
    // Deno's error for a permission that was not given.
    (error) => error.name === 'NotCapable' || /requires ffi access/i.test(error.message),
    'Deno was started without the permission to load addons: add --allow-ffi',
  ],
  [
    (error) => /GLIBC_\d[\d.]*' not found/.test(error.message),
    'The C library of this system is older than the one that the addon needs: use a newer image of the system, ' +
      'or build the addon here with "npx mongodb-session-store build"',
  ],
  [
    // `Error loading shared library` are musl's words, here of a library that comes with glibc.
    (error) =>
      /ld-musl|libc\.musl|Error relocating (?!.*unsupported relocation)|Error loading shared library|ld-linux|\blibc\.so: /.test(
        error.message,
      ),
    'The addon was built for another C library (glibc or musl) than this system has: remove node_modules ' +
      'and install again on this very system',
  ],
  [
    // Of a file for another processor, glibc says that it is not there; musl fails at what is inside.
    (error) =>
      /\.node: cannot open shared object file|unsupported relocation type|invalid ELF header|wrong ELF class|wrong architecture|incompatible architecture|not a valid Win32/i.test(
        error.message,
      ),
    'The addon was built for another platform: remove node_modules and install again on this very one',
  ],
]

/** One sentence about an error that loading an addon ended with. */
function reasonOf(error) {
  const found = REASONS.find(([is]) => is(error))
  return `${found?.[1] ?? 'Remove node_modules and install again on this very platform'}.`
}

module.exports = { reasonOf }
