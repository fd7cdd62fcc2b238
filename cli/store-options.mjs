// The options of the store: from flags of the same names, from a config module, from MONGODB_URI.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Option } from 'commander'
import { misuse } from './failure.mjs'

/** Commands read and write many documents at once, and nobody waits for a page. */
const OPERATION_TIMEOUT_MS = 60_000

/** Those that most people need, with what help says of them. */
const SHOWN = [
  ['uri <uri>', 'connection string (default: MONGODB_URI, else that of the store)'],
  ['config <file>', 'module that exports the options of the store: keys, functions, a client'],
  ['collection <name>', 'name of the collection (default: sessions)'],
  ['prefix <text>', 'what the ids of the sessions begin with'],
]

/** The others, by their types. Keys are in no flag: other users of the machine would see them. */
const HIDDEN = {
  text: [
    ...['dbName', 'autoRemove', 'fields.id', 'fields.session', 'fields.expires'],
    ...['fields.lastAccess', 'fields.deleted', 'encryption.context', 'userId'],
  ],
  number: [
    ...['ttl', 'operationTimeout', 'deleteGrace', 'autoRemoveInterval', 'expireAfter'],
    ...['touchAfter', 'absoluteTimeout', 'maxPerUser'],
  ],
  switch: ['createTTLIndex', 'deleteFlags', 'hashIds', 'timestamps', 'stringify'],
}

/** Gives a command the options of the store, and `--json`. */
export function takesStore(command) {
  for (const [flags, description] of SHOWN) command.option(`--${flags}`, description)
  for (const name of HIDDEN.text) command.addOption(new Option(`--${name} <text>`).hideHelp())
  for (const name of HIDDEN.number) {
    command.addOption(new Option(`--${name} <number>`).argParser(numberOf(name)).hideHelp())
  }
  for (const name of HIDDEN.switch) {
    const parse = (value) => switchOf(name, value)
    command.addOption(new Option(`--${name} [boolean]`).argParser(parse).preset(true).hideHelp())
  }
  return command
    .option('--json', 'answer in JSON, for machines; errors too')
    .addHelpText(
      'after',
      '\nOther options of the store go by their names: --dbName, --hashIds, --fields.id, … --userId' +
        '\ntakes a path such as user.id. See docs/command-line.md.',
    )
}

/** What a command works on; `own` are options that it needs in its own way. */
export async function openCollection(flags, own = {}) {
  return maintain({ ...(await storeOptions(flags)), ...own })
}

/** The same with options that are the store's already. */
export function maintain(options) {
  const { Maintenance } = createRequire(import.meta.url)('../lib/store/maintenance.cjs')
  const { previousStore: _previous, fallbackMemory: _fallback, ...given } = options
  if (given.uri === 'memory:') {
    throw misuse(
      "'memory:' keeps sessions in the application's own process, where no command reaches them",
    )
  }
  return new Maintenance({ operationTimeout: OPERATION_TIMEOUT_MS, ...given })
}

/** A flag goes before the config module, and that before the environment. */
export async function storeOptions(flags) {
  const fromConfig = flags.config === undefined ? {} : await configOf(flags.config)
  const options = { ...fromConfig }
  const names = [...Object.values(HIDDEN).flat(), 'uri', 'collection', 'prefix']
  for (const name of names) {
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
  const path = resolve(file)
  let module
  try {
    module = await import(pathToFileURL(path))
  } catch (error) {
    throw misuse(`the config module ${file} cannot be loaded: ${error.message}`)
  }
  const exported = module.default ?? { ...module }
  const options = typeof exported === 'function' ? await exported() : exported
  if (options === null || typeof options !== 'object') {
    throw misuse(`the config module ${file} must export the options of the store as its default`)
  }
  return options
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
