// The page of the demo: no script, no asset, every value escaped.
import { createHash } from 'node:crypto'

const STYLE = `
  :root { color-scheme: light dark; --line: light-dark(#d8dee4, #30363d); --soft: light-dark(#57606a, #9198a1); --accent: light-dark(#0b6b4f, #4cc38a) }
  * { box-sizing: border-box }
  body { margin: 0 auto; max-width: 42rem; padding: 3rem 1.25rem; font: 16px/1.55 system-ui, sans-serif; color: light-dark(#1f2328, #e6edf3); background: light-dark(#fff, #0d1117) }
  h1 { margin: 0; font-size: 1.5rem; letter-spacing: -.01em }
  p { margin: .25rem 0 1.75rem; color: var(--soft) }
  dl { display: grid; grid-template-columns: 8rem 1fr; margin: 0; border: 1px solid var(--line); border-radius: .6rem; overflow: hidden }
  dt, dd { margin: 0; padding: .6rem 1rem; border-top: 1px solid var(--line); min-width: 0 }
  dt:first-of-type, dd:first-of-type { border-top: 0 }
  dt { color: var(--soft) }
  code, pre { font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, monospace; overflow-wrap: anywhere }
  pre { margin: 0; white-space: pre-wrap }
  form { display: flex; gap: .6rem; margin-top: 1rem }
  input { flex: 1; min-width: 0 }
  input, button { font: inherit; padding: .45rem .9rem; border: 1px solid var(--line); border-radius: .45rem; color: inherit; background: transparent }
  button { cursor: pointer }
  button:hover, input:focus { border-color: var(--accent); outline-color: var(--accent) }
  .primary { border-color: var(--accent); color: var(--accent) }
  .row { display: flex; gap: .6rem }
  mark { padding: .1rem .5rem; border-radius: 1rem; color: var(--accent); background: none; border: 1px solid }
`

/** Nothing may load or run but the page's own style, known by its hash. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  'img-src data:',
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page that shows the session of a request: `found` tells it from one that was just made. */
export function page({ sid, session, found }) {
  const { cookie, ...data } = session
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>mongodb-session-store demo</title>
        <link rel="icon" href="data:," />
        ${raw(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <h1>Your session <mark>${found ? 'found' : 'new'}</mark></h1>
        <p>Reload the page: the same session comes back, one view older, and lives another week.</p>
        <dl>
          <dt>id</dt>
          <dd>
            <code title="The rest is a secret between browser and server">${sid.slice(0, 8)}…</code>
          </dd>
          <dt>expires</dt>
          <dd>
            <time datetime="${cookie.expires.toISOString()}">${cookie.expires.toUTCString()}</time>
          </dd>
          <dt>views</dt>
          <dd>${session.views}</dd>
          <dt>data</dt>
          <dd><pre>${JSON.stringify(data, null, 2)}</pre></dd>
        </dl>
        <form method="post" action="/note">
          <input
            name="note"
            maxlength="200"
            placeholder="A note to keep in the session"
            aria-label="Note"
            value="${session.note ?? ''}"
          />
          <button class="primary">Save note</button>
        </form>
        <div class="row">
          <form method="post" action="/regenerate"><button>New id, same data</button></form>
          <form method="post" action="/logout"><button>Log out</button></form>
        </div>
      </body>
    </html>`
}

/** A template whose values are text unless they are marked as `raw`. */
function html(strings, ...values) {
  return String.raw({ raw: strings }, ...values.map((value) => value?.raw ?? escape(String(value))))
}

function raw(text) {
  return { raw: text }
}

function escape(text) {
  const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (character) => entities[character])
}
