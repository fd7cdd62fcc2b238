// The mixed operations on a server at a distance, at their own moments or many at once.
import mixed from './mixed.mjs'

export default {
  title: 'a server at a distance (mixed operations)',
  needs: 'touch',
  makeOperation: mixed.makeOperation,
}
