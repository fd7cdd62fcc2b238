// `npm run soak:asan`: a short soak and the exit storms with an addon that checks every access to
// memory. Options as of `npm run soak`; leaks are left to its memory figures, because V8 frees
// nothing at the end.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addonName } from '../scripts/build.mjs'
import { provideMongodb } from '../scripts/mongodb.mjs'
import { isMain, main, root, step } from '../scripts/step.mjs'
import { runSoak } from './run.mjs'

const TARGET = 'x86_64-unknown-linux-gnu'

/** What a copy of the package needs to run the storms. */
const FILES = ['index.mjs', 'index.cjs', 'package.json', 'lib', 'scripts', '__test__']

async function soakWithAsan() {
  const runtime = asanRuntime()
  const env = { LD_PRELOAD: runtime, ASAN_OPTIONS: 'detect_leaks=0:quarantine_size_mb=32' }
  const addon = await buildAddon()
  const folder = mkdtempSync(join(tmpdir(), 'mongodb-session-store-asan-'))
  try {
    for (const file of FILES) cpSync(join(root, file), join(folder, file), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    copyFileSync(addon, join(folder, addonName()))

    // The others are too short in a minute to say anything about memory.
    await runSoak({ minutes: '1', settings: ['one server'], entry: join(folder, 'index.mjs'), env })

    // Started here, mongod runs without the sanitizer.
    const mongodb = await provideMongodb()
    try {
      await step(
        'Exit storms',
        process.execPath,
        ['--test', '--test-reporter=spec', join(folder, '__test__', 'exit-storm.test.mjs')],
        { env: { ...env, MONGODB_URI: mongodb.uri, TESTS_ARE_LONG: 'yes' } },
      )
    } finally {
      await mongodb.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The library that has to be loaded before Node is, or the reason why this cannot run here. */
function asanRuntime() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('AddressSanitizer is set up for Linux on x86-64 only')
  }
  if (spawnSync('cargo', ['+nightly', '--version']).status !== 0) {
    throw new Error(
      'AddressSanitizer needs the nightly toolchain: rustup toolchain install nightly',
    )
  }
  const found = spawnSync('cc', ['-print-file-name=libasan.so'], { encoding: 'utf8' })
  const runtime = found.stdout?.trim()
  if (!runtime || !existsSync(runtime)) {
    throw new Error('There is no libasan.so, which comes with GCC (apt-get install gcc)')
  }
  return runtime
}

/** Builds the addon with the sanitizer, beside the usual builds, and answers where it is. */
async function buildAddon() {
  const args = ['+nightly', 'build', '--lib', '--target', TARGET]
  await step('Building the addon with AddressSanitizer', 'cargo', args, {
    env: { RUSTFLAGS: '-Zsanitizer=address' },
  })
  const metadata = execFileSync('cargo', ['metadata', '--no-deps', '--format-version=1'], {
    cwd: root,
  })
  const { target_directory: folder } = JSON.parse(metadata)
  return join(folder, TARGET, 'debug', 'libmongodb_session_store.so')
}

if (isMain(import.meta)) await main(soakWithAsan)
