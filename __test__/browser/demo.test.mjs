// The demo in a real browser: by mouse and by keyboard, light and dark, at the width of a desk and of a phone.
// `npm run test:browser` runs this file; `npm run screenshots`, too, and keeps what it sees in docs/pictures/.
import assert from 'node:assert/strict'
import { access, constants, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import test, { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { startMongod } from '../../scripts/mongod.mjs'
import { root } from '../../scripts/step.mjs'
import { startProgram } from '../program-support.mjs'
import { until } from '../support.mjs'

const WEB = fileURLToPath(new URL('../../demo/web.mjs', import.meta.url))
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const DESK = { width: 1120, height: 860 }
const PHONE = { width: 360, height: 740 }

const executablePath = await findChromium()
const skip = executablePath
  ? false
  : `there is no ${NAMES.join(', ')} on the PATH (apt-get install chromium), and no CHROMIUM names one`

/** One of all tests: each has windows of its own in it, with cookies of their own. */
let browser
let origin
let mongod
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What was begun for all tests, as `startProgram` wants a test to end it after. */
const ending = []
before(async () => {
  if (skip) return
  mongod = await startMongod({ replicaSet: 1 })
  const env = { MONGODB_URI: mongod.uri, DEMO_MONGOD_PID: String(mongod.pid) }
  const demo = await startProgram({ after: (end) => ending.push(end) }, WEB, env)
  assert.equal(await demo.served(), true, demo.output())
  origin = demo.browser.origin
  browser = await chromium.launch({ executablePath })
})
after(async () => {
  await browser?.close()
  for (const end of ending) await end()
  await mongod?.stop()
})

test(
  'who uses the keyboard alone logs in and out, and never loses the focus',
  { skip },
  async (t) => {
    const page = await open(t)
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'Skip to the demo')
    assert.deepEqual(await violations(page), [])
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'Ada')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'You are Ada' }).waitFor()
    assert.equal(await focused(page), 'You are Ada')
    await page.keyboard.press('Tab')
    assert.equal(await focused(page), 'Log out')
    const outline = await page.evaluate(
      () => globalThis.getComputedStyle(globalThis.document.activeElement).outlineStyle,
    )
    assert.equal(outline, 'solid')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Log in' }).waitFor()

    // Everything that can be used is reached in turn.
    const reached = new Set()
    for (let step = 0; step < 20; step += 1) {
      await page.keyboard.press('Tab')
      reached.add(await focused(page))
    }
    const buttons = await page.getByRole('button').allInnerTexts()
    for (const name of buttons) assert.ok(reached.has(name), `${name} is not reached`)
  },
)

test(
  'one browser logs out the other one, which notices without being asked',
  { skip },
  async (t) => {
    const [first, second] = [await open(t), await open(t)]
    await first.getByRole('button', { name: 'Ada' }).click()
    await second.getByRole('button', { name: 'Ada' }).click()
    // The list of the first one has heard of the second.
    await first.getByRole('button', { name: 'Log out all others' }).waitFor()
    await keep(first, 'demo-devices', '#devices')
    await first.getByRole('button', { name: /^Log out Chromium/ }).click()
    await second.getByRole('heading', { name: 'Log in' }).waitFor()
    await second.getByText('Ada has been logged out from elsewhere.').waitFor()
    await first.getByRole('heading', { name: 'You are Ada' }).waitFor()
  },
)

test('the carts show what two requests at once lose, and what they do not', { skip }, async (t) => {
  const page = await open(t)
  await page.getByRole('button', { name: 'Grace' }).click()
  for (const name of ['mongodb-session-store', 'connect-mongo']) {
    await page.getByRole('button', { name: `at once, on ${name}` }).click()
  }
  await page.locator('.cart.own').getByText('Both are kept.').waitFor()
  await page.locator('.cart.other').getByText('One of the two is lost.').waitFor()
  await page.locator('#document').getByText('"biscuits": 1').waitFor()
  await keep(page, 'demo-light')

  await page.getByRole('button', { name: 'Encrypt all sessions' }).click()
  await page.locator('#document').getByText('"subType": "ee"').first().waitFor()
  await page.getByRole('button', { name: 'Store plainly' }).click()
  await page.locator('#document').getByText('"person": "Grace"').waitFor()
})

test('load moves the figures, and an outage is something to look at', { skip }, async (t) => {
  const page = await open(t, { colorScheme: 'dark' })
  await page.getByRole('button', { name: 'Katherine' }).click()
  const batch = page.locator('[data-plot=batch] output')
  await page.getByRole('button', { name: 'Four seconds of load' }).click()
  await until(async () => Number(await batch.textContent()) > 2, 'calls that share a command')
  assert.ok((await page.locator('[data-plot=latency] .line').count()) === 2)

  await page.getByRole('button', { name: 'Freeze the database' }).click()
  await page.getByText('The database stands still. The page does not.').waitFor()
  await page.locator('.call.failed').first().waitFor()
  await page.getByText('The database goes on.').waitFor()
  const last = page.locator('.call').last()
  await until(async () => (await last.getAttribute('class')) === 'call answered', 'an answer')
  await keep(page, 'demo-dark', '#figures', '#outage')
})

test('axe finds nothing, light and dark, at a desk and at a phone', { skip }, async (t) => {
  const page = await open(t)
  await page.getByRole('button', { name: 'Margaret' }).click()
  await page.getByRole('heading', { name: 'You are Margaret' }).waitFor()
  await page.locator('[data-plot=calls] polyline').waitFor({ state: 'attached' })
  for (const viewport of [DESK, PHONE]) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize(viewport)
      // Half-way between two colours nothing can be said of either.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      assert.deepEqual(await violations(page), [], `${colorScheme}, ${viewport.width}`)
    }
  }
  const tooWide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = globalThis.document.documentElement
    return scrollWidth - clientWidth
  })
  assert.equal(tooWide, 0, 'nothing is wider than the screen of a phone')
  const moves = await page.evaluate(() => globalThis.document.getAnimations().length)
  assert.equal(moves, 0, 'who wants no motion sees none')
  await keep(page, 'demo-phone')
})

/** A page of a browser of its own, which is to have nothing to complain about. */
async function open(t, options = {}) {
  const context = await browser.newContext({ viewport: DESK, ...options })
  const page = await context.newPage()
  const complaints = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // What an outage does to a request is what the page is there to show.
    const isOutage = /503|ERR_/.test(message.text())
    if (message.type() === 'error' && !isOutage) complaints.push(message.text())
  })
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [])
  })
  await page.goto(origin)
  return page
}

/** The words of what has the focus. */
function focused(page) {
  return page.evaluate(() => globalThis.document.activeElement.textContent.trim())
}

/** What is wrong by the rules of axe: https://dequeuniversity.com/rules/axe/. */
async function violations(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
}

/** A screenshot for the documentation, if that is what this run is for: of the window, or from one part to another. */
async function keep(page, name, from, to = from) {
  if (!process.env.SCREENSHOTS) return
  const path = join(root, 'docs', 'pictures', `${name}.png`)
  await page.mouse.move(0, 0)
  await page.locator('#status').evaluate((status) => status.replaceChildren())
  if (!from) return page.screenshot({ path, animations: 'disabled' })
  const [first, last] = [
    await page.locator(from).boundingBox(),
    await page.locator(to).boundingBox(),
  ]
  const { scrollY } = await page.evaluate(() => ({ scrollY: globalThis.scrollY }))
  const clip = {
    x: first.x - 16,
    y: first.y + scrollY - 16,
    width: first.width + 32,
    height: last.y + last.height - first.y + 32,
  }
  await page.screenshot({ path, clip, fullPage: true, animations: 'disabled' })
}

async function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name)
      const runs = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
      if (runs) return path
    }
  }
  return undefined
}
