// What Debian has for other processors and in other releases than the one that is installed: apt gets lists of its own,
// so that the system stays as it is.
import { execFile } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { step } from '../../scripts/step.mjs'

const run = promisify(execFile)

/** Unpacks a package of a release for a processor into a folder; `scratch` is one that need not be kept. */
export async function unpackPackage({ name, release, architecture, folder, scratch }) {
  const lists = join(scratch, 'lists')
  const packages = join(scratch, 'packages')
  for (const path of [join(lists, 'partial'), packages]) await mkdir(path, { recursive: true })
  const [sources, status] = [join(scratch, 'sources.list'), join(scratch, 'status')]
  await writeFile(sources, `deb [arch=${architecture}] ${await mirror()} ${release} main\n`)
  await writeFile(status, '')
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': '',
    'Dir::Cache': scratch,
    'Dir::Etc::SourceList': sources,
    'Dir::Etc::SourceParts': '-',
    'Dir::State::Lists': lists,
    'Dir::State::status': status,
  }
  const options = Object.entries(settings).map(([key, value]) => `-o${key}=${value}`)
  await step(`Reading what ${release} has`, 'apt-get', [...options, 'update'], { cwd: packages })
  await step(`Downloading ${name}`, 'apt-get', [...options, 'download', name], { cwd: packages })
  await unpackAll(packages, folder)
}

/** Unpacks every package file of one folder into another. */
export async function unpackAll(packages, folder) {
  for (const file of await readdir(packages)) {
    await run('dpkg', ['-x', join(packages, file), folder])
  }
}

/** Where this system has its own packages from. */
async function mirror() {
  const format = '$(LABEL) $(REPO_URI)'
  const { stdout } = await run('apt-get', ['indextargets', '--format', format])
  const line = stdout.split('\n').find((text) => text.startsWith('Debian '))
  if (line === undefined) throw new Error('apt-get has no source of Debian: this needs Debian')
  return line.slice('Debian '.length)
}
