// The pages that people read, taken apart: code blocks, headings, links.
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../../scripts/step.mjs'

/** Pages of the root, with those of docs/ the ones that come with the package. */
const IN_ROOT = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md']

/** Guides have programs of other packages as well, and a test of their own for them. */
export const GUIDE = /^migrating-from-.+\.md$/

/** The pages by their path from the root, such as `docs/options.md`. */
export async function readPages() {
  const inDocs = (await readdir(join(root, 'docs'))).map((name) => `docs/${name}`)
  const paths = [...IN_ROOT, ...inDocs.filter((path) => path.endsWith('.md'))]
  const read = async (path) => [path, await readFile(join(root, path), 'utf8')]
  return Object.fromEntries(await Promise.all(paths.map(read)))
}

/** The code blocks of a page, `{ info, line, code }`: the words behind the fence, and where it is. */
export function blocksOf(page) {
  const fenced = /^```(.*)\n([^]*?)^```$/gm
  return Array.from(page.matchAll(fenced), ({ 1: info, 2: code, index }) => ({
    info,
    line: page.slice(0, index).split('\n').length,
    code,
  }))
}

/** How many fences a page has, indented and other ones included. */
export function fencesIn(page) {
  return page.match(/^[ \t>]*(```|~~~)/gm)?.length ?? 0
}

/** The name of the file that a program begins with, or undefined: that makes a block a program. */
export function programName({ code }) {
  return /^\/\/ ([\w.-]+\.m?[jt]s)\n/.exec(code)?.[1]
}

/** The headings of a page, without code blocks, in which a comment looks like one. */
export function headingsOf(page) {
  return Array.from(withoutCode(page).matchAll(/^#+ (.+)$/gm), ([, heading]) => heading)
}

/** The anchors of its headings, as GitHub makes them. */
export function anchorsOf(page) {
  return headingsOf(page).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  )
}

/** The targets of its links. */
export function linksOf(page) {
  const text = withoutCode(page).replaceAll(/`[^`\n]*`/g, '`')
  return Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target)
}

function withoutCode(page) {
  return page.replaceAll(/^```.*\n[^]*?^```$/gm, '')
}
