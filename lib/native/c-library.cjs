'use strict'
// Tells which C library this process was linked with: glibc or musl. An addon for the other one cannot work.

const { closeSync, openSync, readSync } = require('node:fs')

/** The type of the segment that names the dynamic loader; see elf(5). */
const INTERPRETER = 3

/**
 * Whether Node itself uses musl, on Linux. The dynamic loader that its executable file names tells, such as
 * `/lib/ld-musl-x86_64.so.1`. Node's own `process.report` knows it as well, but waits for every worker thread
 * and for what those wait for.
 */
function usesMusl(executable = process.execPath) {
  return dynamicLoader(executable)?.includes('musl') === true
}

/** The path of the dynamic loader that an executable file asks for, or undefined if it cannot be told. */
function dynamicLoader(file) {
  let descriptor
  try {
    descriptor = openSync(file, 'r')
    return interpreter((offset, length) => {
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset))
    })
  } catch {
    // The file is gone, or no ELF file, or Node's permissions do not reach it.
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Looks through the table of segments. Every platform that has an addon has 64 bits, the lowest byte first. */
function interpreter(read) {
  const header = read(0, 64)
  if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return undefined
  const [size, count] = [header.readUInt16LE(54), header.readUInt16LE(56)]
  const table = read(Number(header.readBigUInt64LE(32)), size * count)
  for (let entry = 0; entry < table.length; entry += size) {
    if (table.readUInt32LE(entry) !== INTERPRETER) continue
    const [offset, length] = [8, 32].map((at) => Number(table.readBigUInt64LE(entry + at)))
    return read(offset, Math.min(length, 4096)).toString('latin1')
  }
  return undefined
}

module.exports = { usesMusl }
