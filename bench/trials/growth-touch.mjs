import touch from './touch.mjs'

export default { ...touch, title: 'touch in a collection that grows' }
