// What the page does beyond forms and links: it sends forms without leaving, replaces its parts by newer
// ones, sends two requests at once, and shows what it is told by server-sent events.
import { showFigures } from './figures.js'
import { Timeline } from './plots.js'

const PAGE = { Accept: 'text/html' }

const status = document.getElementById('status')

let silence

function say(text) {
  status.textContent = text
  clearTimeout(silence)
  silence = setTimeout(() => status.replaceChildren(), 8000)
}

/** Replaces the parts of the page that have changed, and leaves the focus where it was. */
function replaceParts(text) {
  const next = new DOMParser().parseFromString(text, 'text/html')
  const failure = next.getElementById('failure')
  if (failure) return say(failure.textContent.trim().replaceAll(/\s+/g, ' '))
  for (const part of document.querySelectorAll('[data-part]')) {
    const newer = next.getElementById(part.id)
    if (!newer || newer.innerHTML === part.innerHTML) continue
    const focused = part.contains(document.activeElement) ? document.activeElement : undefined
    part.replaceChildren(...newer.childNodes)
    if (focused) focusIn(part, focused.id)
  }
  const { dataset } = document.getElementById('main')
  const { session, person } = next.getElementById('main').dataset
  dataset.person = person
  if (dataset.session !== session) {
    dataset.session = session
    // What is told of a session goes to the page that has it.
    listen()
  }
}

/** To what took the place of the focused element, else to the heading of its part. */
function focusIn(part, id) {
  const target = (id && document.getElementById(id)) || part.querySelector('h2')
  target?.focus()
}

async function refresh() {
  try {
    const response = await fetch('/', { headers: PAGE })
    replaceParts(await response.text())
  } catch {
    say('The demo does not answer. Has it been stopped?')
  }
}

document.addEventListener('submit', async (event) => {
  const form = event.target
  event.preventDefault()
  const body = new URLSearchParams(new FormData(form, event.submitter))
  const isQuiet = 'quiet' in form.dataset
  try {
    const response = await fetch(form.action, {
      method: 'POST',
      body,
      headers: isQuiet ? { Accept: 'text/plain' } : PAGE,
    })
    const text = await response.text()
    if (!isQuiet) replaceParts(text)
    else if (!response.ok) say(text)
  } catch {
    say('The demo does not answer. Has it been stopped?')
  }
})

for (const cart of document.querySelectorAll('[data-cart]')) {
  const path = cart.dataset.cart
  const button = cart.querySelector('button')
  const verdict = cart.querySelector('.verdict')
  const send = async (where) => {
    const response = await fetch(path + where, {
      method: 'POST',
      headers: { Accept: 'text/plain' },
    })
    if (!response.ok) throw new Error(await response.text())
  }
  const show = async () => {
    const contents = await (await fetch(path)).json()
    for (const [item, count] of Object.entries(contents)) {
      cart.querySelector(`[data-item="${item}"]`).textContent = count
    }
    return contents
  }

  button.disabled = false
  button.addEventListener('click', async () => {
    // Not `disabled`, which would lose the focus.
    if (button.ariaBusy === 'true') return
    button.ariaBusy = 'true'
    verdict.textContent = 'Two requests are under way …'
    try {
      await send('/empty')
      await Promise.all([send('/tea'), send('/biscuits')])
      const kept = Object.values(await show()).filter((count) => count > 0).length
      verdict.textContent = kept === 2 ? 'Both are kept.' : 'One of the two is lost.'
      verdict.className = `verdict ${kept === 2 ? 'good' : 'bad'}`
      await refresh()
    } catch (error) {
      verdict.textContent = `That failed: ${error.message}`
      verdict.className = 'verdict bad'
    }
    button.ariaBusy = 'false'
  })
}

let source

/** Hears of what happens elsewhere, while somebody looks at the page. */
function listen() {
  source?.close()
  source = undefined
  if (document.hidden) return
  source = new EventSource('/live')
  const on = (name, react) => source.addEventListener(name, ({ data }) => react(JSON.parse(data)))
  on('figures', showFigures)
  on('changed', refresh)
  on('ended', async () => {
    const { dataset } = document.getElementById('main')
    const { person } = dataset
    await refresh()
    // A log-in ends a session, too: that of before, with the old id.
    if (person && !dataset.person) say(`${person} has been logged out from elsewhere.`)
  })
  let timeline
  const panel = document.getElementById('calls-in-outage')
  on('frozen', ({ forMs, untilMs }) => {
    panel.hidden = false
    timeline = new Timeline(panel.querySelector('svg'), { frozenMs: forMs, untilMs })
    say('The database stands still. The page does not.')
  })
  on('call', (call) => {
    // A page that was opened meanwhile has missed the beginning.
    if (!timeline) return
    timeline.add(call)
    panel.querySelector('.outcomes').textContent = timeline.outcomes
  })
  on('thawed', () => say('The database goes on.'))
  source.addEventListener('error', ({ target }) => {
    // It comes back by itself, unless it was refused, as in an outage.
    if (target === source && target.readyState === EventSource.CLOSED) setTimeout(listen, 1000)
  })
}

document.addEventListener('visibilitychange', () => {
  listen()
  if (!document.hidden) refresh()
})
listen()
