import get from './get.mjs'

export default { ...get, title: 'get in a collection that grows' }
