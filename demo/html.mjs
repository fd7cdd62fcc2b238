// HTML from templates whose values are text.

/** A template whose values are escaped, unless they are such templates themselves, or arrays of them. */
export function html(strings, ...values) {
  return { html: String.raw({ raw: strings }, ...values.map(markup)) }
}

function markup(value) {
  if (value == null || value === false) return ''
  if (Array.isArray(value)) return value.map(markup).join('')
  return value.html ?? escape(String(value))
}

function escape(text) {
  const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, (character) => entities[character])
}
