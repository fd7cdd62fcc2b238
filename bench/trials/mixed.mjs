import get from './get.mjs'
import set from './set.mjs'
import touch from './touch.mjs'

// 70 % get, 20 % touch, 10 % set, spread evenly.
const CYCLE = [get, get, touch, get, get, set, get, get, touch, get]

export default {
  title: 'mixed (70 % get, 20 % touch, 10 % set)',
  needs: 'touch',
  makeOperation: (context) => {
    const made = new Map([get, set, touch].map((trial) => [trial, trial.makeOperation(context)]))
    const operations = CYCLE.map((trial) => made.get(trial))
    let count = 0
    return (sid, lane, done) => operations[count++ % operations.length](sid, lane, done)
  },
  limit: { cycle: CYCLE.flatMap((trial) => trial.limit.cycle), operationsPerCycle: CYCLE.length },
}
