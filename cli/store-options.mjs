// The options of the store: from flags of the same names, from a config module, from MONGODB_URI.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Option } from 'commander'
import { misuse } from './failure.mjs'

const require = createRequire(import.meta.url)
const { TYPES } = require('../lib/store/option-types.cjs')

/** Commands read and write many documents at once, and nobody waits for a page. */
const OPERATION_TIMEOUT_MS = 60_000

/** Those that most people need, with what help says of them. */
const SHOWN = [
  ['uri <uri>', 'connection string (default: MONGODB_URI, else that of the store)'],
  ['config <file>', 'module that exports the options of the store: keys, functions, a client'],
  ['collection <name>', 'name of the collection (default: sessions)'],
  ['prefix <text>', 'what the ids of the sessions begin with'],
]

const SHOWN_NAMES = SHOWN.map(([flags]) => flags.split(' ')[0])

/** The others that a flag can hold, by their paths: what JavaScript has for their values. */
const HIDDEN = Object.fromEntries(valuesOf(TYPES).filter(([name]) => !SHOWN_NAMES.includes(name)))

/** Gives a command the options of the store, and `--json`. */
export function takesStore(command) {
  for (const [flags, description] of SHOWN) command.option(`--${flags}`, description)
  for (const [name, type] of Object.entries(HIDDEN)) command.addOption(hidden(name, type))
  return command
    .option('--json', 'answer in JSON, for machines; errors too')
    .addHelpText(
      'after',
      '\nOther options of the store go by their names: --dbName, --hashIds, --fields.id …' +
        '\n--userId takes a path such as user.id. See docs/command-line.md.',
    )
}

/** What a command works on; `own` are options that it needs in its own way. */
export async function openCollection(flags, own = {}) {
  return maintain({ ...(await storeOptions(flags)), ...own })
}

/** The same with options that are the store's already. */
export function maintain(options) {
  const { Maintenance } = require('../lib/store/maintenance.cjs')
  // What an application does beside its sessions, a command does not.
  const { previousStore: _previous, fallbackMemory: _fallback, watch, ...given } = options
  if (given.uri === 'memory:') {
    throw misuse(
      "'memory:' keeps sessions in the application's own process, where no command reaches them",
    )
  }
  const collection = new Maintenance({ operationTimeout: OPERATION_TIMEOUT_MS, ...given })
  return Object.assign(collection, { isWatched: watch === true })
}

/** A flag takes precedence over the config module, and that over the environment. */
export async function storeOptions(flags) {
  const fromConfig = flags.config === undefined ? {} : await configOf(flags.config)
  const options = { ...fromConfig }
  for (const name of [...Object.keys(HIDDEN), 'uri', 'collection', 'prefix']) {
    if (flags[name] !== undefined) put(options, name, flags[name])
  }
  if (typeof options.userId === 'string') options.userId = pathInto(options.userId)
  // One replaces the other.
  if (flags.uri !== undefined) delete options.client
  if (options.uri === undefined && options.client === undefined && process.env.MONGODB_URI) {
    options.uri = process.env.MONGODB_URI
  }
  return options
}

/** What a module exports: the options, or a function that answers them. */
export async function configOf(file) {
  const exported = exportedBy(await loaded(file))
  let options = exported
  if (typeof exported === 'function') {
    try {
      options = await exported()
    } catch (error) {
      throw misuse(`the function of the config module ${file} has failed: ${textOf(error)}`)
    }
  }
  if (options === null || typeof options !== 'object') {
    throw misuse(`the config module ${file} must export the options of the store as its default`)
  }
  if (typeof options.createSession === 'function') {
    throw misuse(
      `the config module ${file} exports a store: it must export the options of which one is made`,
    )
  }
  return options
}

async function loaded(file) {
  try {
    return await import(pathToFileURL(resolve(file)))
  } catch (error) {
    throw misuse(
      `the config module ${file} cannot be loaded: ${textOf(error)}${adviceFor(file, error)}`,
    )
  }
}

/** What to do about a file of which Node does not make a module. */
function adviceFor(file, error) {
  if (/\.json$/.test(file)) return '; it has to be a module, such as store.config.mjs'
  // It has read TypeScript since 22.18.
  return error?.code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts$/.test(file)
    ? `; Node ${process.version} reads no TypeScript: compile it, or use Node 22.18 or newer`
    : ''
}

/** The default of a module, else all that it exports. */
function exportedBy({ default: exported, __esModule, ...named }) {
  // What a compiler has made of a module for CommonJS comes as one value.
  return exported?.__esModule === true ? exportedBy(exported) : (exported ?? named)
}

/** What has been thrown may be anything. */
function textOf(error) {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Those of which a flag can hold a value, each with its type. Keys are in none: other users of the machine would see
 * them. For `userId` there is a path.
 */
function valuesOf(types, path = '') {
  return Object.entries(types).flatMap(([name, type]) => {
    if (!Array.isArray(type)) return valuesOf(type, `${path}${name}.`)
    const held = ['string', 'number', 'boolean'].find((each) => type.includes(each))
    if (held !== undefined) return [[path + name, held]]
    return name === 'userId' ? [[name, 'string']] : []
  })
}

function hidden(name, type) {
  if (type === 'string') return new Option(`--${name} <text>`).hideHelp()
  if (type === 'number') {
    return new Option(`--${name} <number>`).argParser(numberOf(name)).hideHelp()
  }
  const parse = (value) => switchOf(name, value)
  return new Option(`--${name} [boolean]`).argParser(parse).preset(true).hideHelp()
}

function put(options, name, value) {
  const [group, field] = name.split('.')
  if (field === undefined) options[group] = value
  else options[group] = { ...options[group], [field]: value }
}

function numberOf(name) {
  return (text) => {
    const number = Number(text)
    if (text.trim() === '' || Number.isNaN(number)) {
      throw misuse(`option '--${name}' must be a number, got '${text}'`)
    }
    return number
  }
}

function switchOf(name, value) {
  if (value === true || value === 'true') return true
  if (value === 'false') return false
  throw misuse(`option '--${name}' must be true or false, got '${value}'`)
}

/** A function `userId` for a path inside the session. */
function pathInto(path) {
  const keys = path.split('.')
  return (session) => keys.reduce((value, key) => value?.[key], session) ?? undefined
}
