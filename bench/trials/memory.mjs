// The mixed operations until there were 200 000: what counts is the memory of the process then.
import mixed from './mixed.mjs'

export default {
  title: 'memory after 200 000 operations',
  needs: 'touch',
  makeOperation: mixed.makeOperation,
}
