// The platforms whose addon can be compiled and run on Linux on x64.
import { existsSync } from 'node:fs'
import { arm64GlibcNode, inQemu, muslFor, muslNode, nativeMuslNode } from './nodes.mjs'

const QEMU = { '/usr/bin/qemu-aarch64': 'qemu-user' }
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu'

/**
 * In the order of package.json:
 *
 * - `name`: that of the platform
 * - `target`: as `build --target` takes it, with the oldest glibc that is promised
 * - `needs`: files that have to be there, with Debian's packages that bring them
 * - `runtime()`: a Node for the platform: what starts it, as `{ command, args }`
 * - `says`: what it says of an addon for linux-x64-gnu
 */
export const PLATFORMS = [
  {
    name: 'linux-x64-gnu',
    target: 'x86_64-unknown-linux-gnu.2.28',
    needs: {},
    runtime: async () => ({ command: process.execPath, args: [] }),
  },
  {
    name: 'linux-x64-musl',
    target: 'x86_64-unknown-linux-musl',
    needs: { '/usr/bin/patchelf': 'patchelf' },
    says: 'for another C library',
    runtime: async () => ({ command: await nativeMuslNode(), args: [] }),
  },
  {
    name: 'linux-arm64-gnu',
    target: 'aarch64-unknown-linux-gnu.2.28',
    needs: {
      ...QEMU,
      [`${ARM64_LIBRARIES}/lib/libstdc++.so.6`]: 'libstdc++6-arm64-cross',
    },
    says: 'for another platform',
    runtime: async () => inQemu('aarch64', ARM64_LIBRARIES, await arm64GlibcNode()),
  },
  {
    name: 'linux-arm64-musl',
    target: 'aarch64-unknown-linux-musl',
    needs: QEMU,
    says: 'for another C library',
    runtime: async () => inQemu('aarch64', await muslFor('arm64'), await muslNode('aarch64')),
  },
]

/** Why none of them can be compiled here, or undefined if they can. */
export function absenceOfPlatforms() {
  const { platform, arch } = process
  if (platform === 'linux' && arch === 'x64') return undefined
  return `the compilers and emulators are pinned for Linux on x64, and this is ${platform} on ${arch}`
}

/** Throws, naming the packages, if the system lacks what runs a platform. */
export function assertInstalled({ name, needs }) {
  const missing = Object.entries(needs).filter(([file]) => !existsSync(file))
  if (missing.length === 0) return
  const packages = missing.map(([, source]) => source).join(' ')
  throw new Error(`${name} needs what Debian has as: apt-get install ${packages}`)
}
