// `get`, to see what it costs that somebody could listen to the diagnostics channels, while nobody does.
import get from './get.mjs'

export default { ...get, title: 'get, with diagnostics channels and without them' }
