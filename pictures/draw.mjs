// Draws the pictures of docs/ from the sources in this folder: `npm run pictures`. Diagrams by Graphviz (.dot),
// charts by Vega-Lite (.vl.json); neither needs a browser.
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { instance } from '@viz-js/viz'
import * as vega from 'vega'
import { compile } from 'vega-lite'
import { isMain, root } from '../scripts/step.mjs'

const SOURCES = join(root, 'pictures')

/** The colours of the sources, and what becomes of each where people read on a dark screen. */
const DARK = {
  '#ffffff': '#0d1117', // paper
  '#f6f8fa': '#1c232c', // boxes
  '#d1d9e0': '#4a545f', // lines
  '#1f2328': '#e6edf3', // ink
  '#59636e': '#9aa4ae', // what is said beside
  '#0b6b4f': '#4cc38a', // what is changed, or kept
  '#dff3ea': '#12332a',
  '#9a4a00': '#f0a868', // what is lost
  '#fdebd8': '#3a2712',
  '#0a53a8': '#79b8ff',
  '#e2eefb': '#15293f',
  '#f1ece2': '#2e2a22',
}

/** The pictures by the names of their files. */
export async function draw() {
  const pictures = {}
  for (const file of await readdir(SOURCES)) {
    const [name, kind] = file.split(/\.(.*)/)
    const render = RENDERERS[kind]
    if (!render) continue
    const svg = await render(await readFile(join(SOURCES, file), 'utf8'))
    pictures[`${name}.svg`] = withDarkColours(svg, file)
  }
  return pictures
}

const RENDERERS = {
  async dot(source) {
    const viz = await instance()
    const svg = viz.renderString(source, { format: 'svg' })
    // What comes before is about files of their own; the names of nodes would be shown as hints. It is laid out
    // for Helvetica, and has to have room for what others read it in.
    return svg
      .slice(svg.indexOf('<svg'))
      .replaceAll(/<title>.*?<\/title>\n/g, '')
      .replaceAll(/font-size="([\d.]+)"/g, (_, size) => `font-size="${(size * 0.9).toFixed(1)}"`)
  },

  'vl.json': (source) => {
    const text = { labelColor: '#59636e', titleColor: '#59636e', titleFontWeight: 'normal' }
    const line = { gridColor: '#d1d9e0', domainColor: '#d1d9e0', tickColor: '#d1d9e0' }
    const { spec } = compile({
      ...JSON.parse(source),
      config: {
        background: '#ffffff',
        font: 'Helvetica, Arial, sans-serif',
        padding: 16,
        view: { stroke: null },
        axis: { ...text, ...line, labelFontSize: 12, titleFontSize: 12 },
      },
    })
    return new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()
  },
}

/** A style by which the browser that shows the picture chooses among the colours. */
function withDarkColours(svg, file) {
  const used = new Set(svg.match(/#[0-9a-f]{6}\b/gi))
  const rules = Array.from(used, (colour) => {
    const dark = DARK[colour]
    if (!dark) throw new Error(`${file} has a colour without a dark one: ${colour}`)
    return `[fill="${colour}"]{fill:${dark}}[stroke="${colour}"]{stroke:${dark}}`
  })
  const style = `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`
  return `${svg.replace(/<svg[^>]*>/, (tag) => `${tag}${style}`).trim()}\n`
}

if (isMain(import.meta)) {
  for (const [name, svg] of Object.entries(await draw())) {
    await writeFile(join(root, 'docs', 'pictures', name), svg)
  }
}
