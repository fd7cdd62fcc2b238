// What an ELF file, as Linux has its programs and libraries, asks of the system on which it is loaded.
import { readFileSync } from 'node:fs'

/** The type of the section that names the versions of symbols which a file needs; see elf(5). */
const SHT_GNU_VERNEED = 0x6ffffffe

/**
 * The versions of symbols that a file needs of libraries, such as `{ library: 'libc.so.6', version: 'GLIBC_2.17' }`.
 * `at` is where the file has that need, and `nameAt` where it has the name. For 64 bits, lowest byte first.
 */
export function neededVersions(file) {
  const bytes = readFileSync(file)
  if (bytes.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') {
    throw new Error(`${file} is no ELF file`)
  }
  const sections = sectionsOf(bytes)
  const needs = sections.find(({ type }) => type === SHT_GNU_VERNEED)
  if (needs === undefined) return []
  const strings = sections[needs.link]
  const text = (at) => bytes.toString('latin1', at, bytes.indexOf(0, at))

  const found = []
  let library = needs.offset
  for (let left = needs.info; left > 0; left--) {
    let version = library + bytes.readUInt32LE(library + 8)
    for (let more = bytes.readUInt16LE(library + 2); more > 0; more--) {
      const nameAt = strings.offset + bytes.readUInt32LE(version + 8)
      const name = text(strings.offset + bytes.readUInt32LE(library + 4))
      found.push({ library: name, version: text(nameAt), at: version, nameAt })
      version += bytes.readUInt32LE(version + 12)
    }
    library += bytes.readUInt32LE(library + 12)
  }
  return found
}

function sectionsOf(bytes) {
  const table = Number(bytes.readBigUInt64LE(40))
  const [size, count] = [bytes.readUInt16LE(58), bytes.readUInt16LE(60)]
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * size
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      link: bytes.readUInt32LE(at + 40),
      info: bytes.readUInt32LE(at + 44),
    }
  })
}

/** The newest glibc, as `[major, minor]`, of which a file needs something; or undefined if it needs none. */
export function neededGlibc(file) {
  const numbers = neededVersions(file)
    .map(({ version }) => /^GLIBC_(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number))
    .filter((found) => found !== undefined)
  return numbers.sort(([a, b], [c, d]) => a - c || b - d).at(-1)
}
