// Makes a fresh clone ready to run: the tools are there, the dependencies installed, the addon
// built. Does nothing that is done already. It runs before `npm ci`, so it uses only Node itself.
import { spawnSync } from 'node:child_process'
import { addonIsFresh, buildAddon } from './build.mjs'
import { isInstalled } from './installed.mjs'
import { isMain, main, root, step } from './step.mjs'

export async function setup() {
  await installDependencies()
  if (!addonIsFresh()) await buildAddon()
}

/** The part of set-up that takes seconds, and is all that the checks of style need; `how` is that of a step. */
export async function installDependencies(how) {
  checkTools()
  if (isInstalled(root)) return
  // Older Node versions get warnings about packages that only a release needs: errors alone, then.
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error']
  await step('Installing the dependencies', 'npm', ['ci', ...quietly], how)
}

function checkTools() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  // The package runs on every Node 20; the tools that test it ask for 20.19.
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(
      `Node.js 20.19 or newer is needed to develop this package; this is ${process.version}. ` +
        'Get one from https://nodejs.org or with a version manager (nvm install 22).',
    )
  }
  // rustup may have to fetch the toolchain first, and tells so on stderr.
  const stdio = ['ignore', 'ignore', 'inherit']
  if (spawnSync('cargo', ['--version'], { cwd: root, stdio }).status !== 0) {
    throw new Error(
      'The addon is written in Rust, and `cargo --version` does not run here. Install Rust with ' +
        'rustup, see https://rustup.rs; it reads the version from rust-toolchain.toml.',
    )
  }
}

if (isMain(import.meta)) await main(setup)
