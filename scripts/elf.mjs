// What an ELF file, as Linux has its programs and libraries, asks of the system on which it is loaded.
import { readFileSync } from 'node:fs'

/** The types of the sections for the dynamic loader, and of those that name versions of symbols; see elf(5). */
const SHT_DYNAMIC = 6
const SHT_GNU_VERNEED = 0x6ffffffe

/** The tag of an entry that names a library. */
const DT_NEEDED = 1

/** The libraries that a file asks for, such as `libc.so.6`. For 64 bits, lowest byte first. */
export function neededLibraries(file) {
  const { bytes, sections, textIn } = open(file)
  const { offset, size, link } = sections.find(({ type }) => type === SHT_DYNAMIC)
  const found = []
  for (let entry = offset; entry < offset + size; entry += 16) {
    if (bytes.readBigUInt64LE(entry) !== BigInt(DT_NEEDED)) continue
    found.push(textIn(sections[link], Number(bytes.readBigUInt64LE(entry + 8))))
  }
  return found
}

/**
 * The versions of symbols that a file needs of libraries, such as `{ library: 'libc.so.6', version: 'GLIBC_2.17' }`.
 * `at` is where the file has that need, and `nameAt` where it has the name. For 64 bits, lowest byte first.
 */
export function neededVersions(file) {
  const { bytes, sections, textIn } = open(file)
  const needs = sections.find(({ type }) => type === SHT_GNU_VERNEED)
  if (needs === undefined) return []
  const strings = sections[needs.link]

  const found = []
  let library = needs.offset
  for (let left = needs.info; left > 0; left--) {
    let version = library + bytes.readUInt32LE(library + 8)
    for (let more = bytes.readUInt16LE(library + 2); more > 0; more--) {
      const name = bytes.readUInt32LE(version + 8)
      found.push({
        library: textIn(strings, bytes.readUInt32LE(library + 4)),
        version: textIn(strings, name),
        at: version,
        nameAt: strings.offset + name,
      })
      version += bytes.readUInt32LE(version + 12)
    }
    library += bytes.readUInt32LE(library + 12)
  }
  return found
}

function open(file) {
  const bytes = readFileSync(file)
  if (bytes.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') {
    throw new Error(`${file} is no ELF file`)
  }
  const textIn = ({ offset }, at) => {
    return bytes.toString('latin1', offset + at, bytes.indexOf(0, offset + at))
  }
  return { bytes, sections: sectionsOf(bytes), textIn }
}

function sectionsOf(bytes) {
  const table = Number(bytes.readBigUInt64LE(40))
  const [size, count] = [bytes.readUInt16LE(58), bytes.readUInt16LE(60)]
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * size
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
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
