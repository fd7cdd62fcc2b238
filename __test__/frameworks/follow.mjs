// A browser that follows redirects to another server and back.

/** Follows the redirects of a page, to the realm and back, and answers the last page. */
export async function follow(browser, path) {
  for (let url = new URL(path, browser.origin); ;) {
    const isOwn = url.origin === browser.origin
    const headers = isOwn ? browser.cookieHeader() : {}
    const response = await fetch(url, { headers, redirect: 'manual' })
    if (isOwn) for (const text of response.headers.getSetCookie()) keep(browser, text)
    const location = response.headers.get('location')
    if (location === null) return response.text()
    url = new URL(location, url)
  }
}

function keep(browser, text) {
  const [pair] = text.split(';')
  const at = pair.indexOf('=')
  const value = pair.slice(at + 1)
  if (value === '') browser.cookies.delete(pair.slice(0, at))
  else browser.cookies.set(pair.slice(0, at), { name: pair.slice(0, at), value })
}
