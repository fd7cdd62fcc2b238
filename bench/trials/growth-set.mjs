import set from './set.mjs'

export default { ...set, title: 'set in a collection that grows' }
