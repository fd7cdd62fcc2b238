// What the page shows. It is written here, and public/shop.js replaces its parts by newer ones.
import { ITEMS } from './cart.mjs'
import { short } from './document.mjs'
import { html } from './html.mjs'

/** The page of a request. `person` is who is logged in, or undefined; `session` the session id. */
export function page({ people, person, session, devices, document, isEncrypting, outage }) {
  return layout(html`
    <main id="main" data-session="${short(session)}" data-person="${person}">
      <noscript>
        <p class="note">
          Log-in, devices and the stored document work without scripts. Parallel requests, live
          figures and what happens in an outage need them.
        </p>
      </noscript>
      <section id="you" data-part aria-labelledby="you-title">
        ${person ? loggedIn({ person, session }) : loggedOut({ people })}
      </section>
      <section id="devices" data-part aria-labelledby="devices-title">
        ${deviceList({ person, devices })}
      </section>
      ${carts()}
      <section id="document" class="wide" data-part aria-labelledby="document-title">
        ${stored({ document, isEncrypting })}
      </section>
      ${figures()} ${outagePart({ outage })}
    </main>
  `)
}

/** The page for a store that could not do its work. */
export function failurePage(code) {
  return layout(
    html`<main id="main">
      <section class="wide" aria-labelledby="failure-title">
        <h2 id="failure-title">The database does not answer</h2>
        <p id="failure">
          The store gave up in time, with <code>${code}</code>. Nobody is logged out by that.
        </p>
        <p><a href="/">Try again</a></p>
      </section>
    </main>`,
    { script: false },
  )
}

function layout(content, { script = true } = {}) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>mongodb-session-store: the demo</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/static/shop.css" />
        ${script && html`<script type="module" src="/static/shop.js"></script>`}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the demo</a>
        <header>
          <p class="name">mongodb-session-store</p>
          <h1>Sessions that survive parallel requests and outages</h1>
        </header>
        ${content}
        <p id="status" role="status"></p>
        <footer>
          A demo without passwords, on this machine only. <code>curl -v</code> this address for the
          walkthrough of the documentation. The code is in <code>demo/</code>.
        </footer>
      </body>
    </html>`.html
}

function loggedOut({ people }) {
  return html`
    <h2 id="you-title" tabindex="-1">Log in</h2>
    <p>
      Choose who you are. In another browser, or a private window, be somebody else or the same.
    </p>
    <form method="post" action="/login" class="buttons">
      ${people.map((name) => html`<button name="person" value="${name}">${name}</button>`)}
    </form>
  `
}

function loggedIn({ person, session }) {
  return html`
    <h2 id="you-title" tabindex="-1">You are ${person}</h2>
    <p>
      Your cookie holds the session id <code>${short(session)}</code>, new since you logged in. Open
      this page in another browser and log in there as ${person}, too.
    </p>
    <form method="post" action="/logout" class="buttons">
      <button id="logout">Log out</button>
    </form>
  `
}

function deviceList({ person, devices }) {
  const others = devices.filter(({ current }) => !current).length
  return html`
    <h2 id="devices-title" tabindex="-1">Your devices</h2>
    ${
      person
        ? html`<p>
            <code>store.devices()</code> lists where ${person} is logged in. Whom you log out
            notices at once.
          </p>`
        : html`<p class="empty">Nobody is logged in here.</p>`
    }
    <ul class="devices">
      ${devices.map(device)}
    </ul>
    ${
      others > 0 &&
      html`<form method="post" action="/devices/revoke-others" class="buttons">
        <button id="revoke-others">Log out all others</button>
      </form>`
    }
  `
}

function device({ handle, device, createdAt, lastSeenAt, current }) {
  return html`<li>
    <div>
      <strong>${device.browser}</strong>
      <small>logged in ${time(createdAt)}, last seen ${time(lastSeenAt)}</small>
    </div>
    ${
      current
        ? html`<span class="badge">This browser</span>`
        : html`<form method="post" action="/devices/revoke">
            <input type="hidden" name="handle" value="${handle}" />
            <button aria-label="Log out ${device.browser}, last seen ${clock(lastSeenAt)}">
              Log out
            </button>
          </form>`
    }
  </li>`
}

function time(moment) {
  return moment && html`<time datetime="${moment.toISOString()}">${clock(moment)}</time>`
}

function clock(moment) {
  return moment?.toLocaleTimeString('en-GB') ?? 'some time ago'
}

function carts() {
  return html`
    <section id="carts" class="wide" aria-labelledby="carts-title">
      <h2 id="carts-title">Two requests at once</h2>
      <p>
        Both requests read the session, then think, then save: one adds tea, the other one biscuits.
        The code is the same on both sides, but for the store.
      </p>
      <div class="columns">
        ${cart({ name: 'mongodb-session-store', path: '/cart', kind: 'own' })}
        ${cart({ name: 'connect-mongo', path: '/connect-mongo/cart', kind: 'other' })}
      </div>
    </section>
  `
}

function cart({ name, path, kind }) {
  return html`
    <div class="cart ${kind}" data-cart="${path}">
      <h3>${name}</h3>
      <ul class="items">
        ${ITEMS.map((item) => html`<li>${item} <output data-item="${item}">0</output></li>`)}
      </ul>
      <button disabled aria-label="Add both at once, on ${name}">Add both at once</button>
      <p class="verdict"></p>
    </div>
  `
}

function stored({ document, isEncrypting }) {
  return html`
    <h2 id="document-title" tabindex="-1">What is stored</h2>
    <p>
      The document of your session, read by the official driver.
      ${
        isEncrypting
          ? html`Encryption is <strong>on</strong>: the database sees the names of the fields, and
              ciphertext.`
          : html`Encryption is <strong>off</strong>.`
      }
    </p>
    ${
      document
        ? html`<pre tabindex="0" role="region" aria-label="Stored document">${document}</pre>`
        : html`<p class="empty">Nothing yet: a session is saved once it holds something.</p>`
    }
    <form method="post" action="/encryption" class="buttons">
      <button id="encryption">${isEncrypting ? 'Store plainly' : 'Encrypt all sessions'}</button>
    </form>
  `
}

function figures() {
  return html`
    <section id="figures" class="wide" aria-labelledby="figures-title">
      <h2 id="figures-title">What the store does</h2>
      <p>
        <code>store.stats()</code>, every second. Under load, calls that wait share a command; a
        single call leaves at once.
      </p>
      <div class="plots">
        ${plot({ id: 'calls', title: 'Calls per second' })}
        ${plot({ id: 'batch', title: 'Calls per command' })}
        ${plot({ id: 'latency', title: 'Latency of get', unit: 'ms', lines: ['p50', 'p99'] })}
        ${plot({ id: 'connections', title: 'Connections', lines: ['open', 'in use'] })}
      </div>
      <form method="post" action="/load" data-quiet class="buttons">
        <button id="load">Four seconds of load</button>
      </form>
    </section>
  `
}

function plot({ id, title, unit = '', lines = [] }) {
  return html`
    <figure data-plot="${id}">
      <figcaption>${title}</figcaption>
      <p class="figure"><output>–</output> ${unit}</p>
      <svg role="img" aria-label="${title} in the last half minute"></svg>
      ${lines.length > 0 && html`<p class="legend">${lines.map((name) => html`<span>${name}</span>`)}</p>`}
    </figure>
  `
}

function outagePart({ outage }) {
  return html`
    <section id="outage" class="wide" aria-labelledby="outage-title">
      <h2 id="outage-title">An outage</h2>
      <p>
        The database stands still for five seconds, and the store is called twice a second. Calls
        end within its <code>operationTimeout</code>, three seconds here, and work again by
        themselves.
      </p>
      ${
        outage.isPossible
          ? html`<form method="post" action="/freeze" data-quiet class="buttons">
              <button id="freeze">Freeze the database</button>
            </form>`
          : html`<p class="note">${outage.reason}</p>`
      }
      <div id="calls-in-outage" hidden>
        <svg role="img" aria-label="Calls during the outage"></svg>
        <p class="legend"><span>answered</span><span>failed</span><span>waiting</span></p>
        <p class="outcomes"></p>
      </div>
    </section>
  `
}
