// Whether npm has installed, in a folder, what its lock file says.
import { statSync } from 'node:fs'
import { join } from 'node:path'

export function isInstalled(folder) {
  const modified = (file) => statSync(join(folder, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
  // npm writes the hidden lock file last, when all else is in place.
  const installed = modified('node_modules/.package-lock.json')
  return installed > 0 && installed >= modified('package-lock.json')
}
