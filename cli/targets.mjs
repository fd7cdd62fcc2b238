// The platforms for which the addon can be compiled, by the names that Rust has for them.

/** The name of a platform, as the files and packages of the addon carry it, of each target of Rust. */
export const PLATFORM_OF = {
  'x86_64-unknown-linux-gnu': 'linux-x64-gnu',
  'x86_64-unknown-linux-musl': 'linux-x64-musl',
  'aarch64-unknown-linux-gnu': 'linux-arm64-gnu',
  'aarch64-unknown-linux-musl': 'linux-arm64-musl',
  'x86_64-apple-darwin': 'darwin-x64',
  'aarch64-apple-darwin': 'darwin-arm64',
  'x86_64-pc-windows-msvc': 'win32-x64-msvc',
  'aarch64-pc-windows-msvc': 'win32-arm64-msvc',
}

/**
 * What `--target` names: `{ triple, platform, glibc }`. A target of Linux may end in the glibc that it has to do
 * with, as in `x86_64-unknown-linux-gnu.2.28`.
 */
export function parseTarget(target) {
  const [, triple, glibc] = /^([^.]+)(?:\.(\d+\.\d+))?$/.exec(target) ?? []
  if (!Object.hasOwn(PLATFORM_OF, triple ?? '') || (glibc && !triple.endsWith('-gnu'))) {
    const known = Object.keys(PLATFORM_OF).join(', ')
    throw new Error(`there is no addon for the target ${target}: it can be ${known}`)
  }
  return { triple, platform: PLATFORM_OF[triple], glibc }
}
