// What can go wrong with servers and the way to them. Each fault ends healed, also when it is interrupted.
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'

/** What a command of this name on the collection contains: the collection's name as its value. */
const commandOf = (name) => `${name}\0\x09\0\0\0sessions\0`

/** Does a fault to `mongod` or to `proxies`, one for each process; answers what it did, for the log. */
export const FAULTS = {
  async kill({ mongod, random, signal }) {
    await mongod.kill()
    try {
      return await last(random.between(0, 4000), signal)
    } finally {
      await mongod.start()
    }
  },

  async freeze({ mongod, random, signal }) {
    process.kill(mongod.pid, 'SIGSTOP')
    try {
      return await last(random.between(200, 8000), signal)
    } finally {
      process.kill(mongod.pid, 'SIGCONT')
    }
  },

  async partition({ proxies, random, signal }) {
    // Nothing goes through, and nothing is refused either; what was sent meanwhile arrives afterwards.
    for (const proxy of proxies) {
      proxy.arrivals = 'stall'
      proxy.stall()
    }
    try {
      return await last(random.between(200, 8000), signal)
    } finally {
      for (const proxy of proxies) {
        proxy.arrivals = 'pass'
        proxy.resume()
      }
    }
  },

  async cut({ proxies, random, signal }) {
    const times = 1 + random.below(4)
    for (let time = 0; time < times; time++) {
      for (const proxy of proxies) proxy.reset()
      await last(random.between(0, 300), signal)
    }
    return `${times}×`
  },

  async slow({ proxies, random, signal }) {
    const ms = Math.round(random.between(5, 300))
    // Of one process, as it is further away, or of both.
    const slowed = random.chance(0.5) ? proxies : [random.pick(proxies)]
    for (const proxy of slowed) proxy.delay = ms
    try {
      return `${ms} ms for ${await last(random.between(1000, 5000), signal)}`
    } finally {
      for (const proxy of proxies) proxy.delay = 0
    }
  },

  /** Connections of one process are reset behind commands that the server has carried out. */
  async lose({ proxies, random, signal }) {
    const proxy = random.pick(proxies)
    const command = random.pick(['update', 'update', 'update', 'delete'])
    const before = proxy.cuts
    // So that the other process comes in between.
    proxy.delay = random.between(0, 40)
    try {
      proxy.cutReply(commandOf(command), { times: 1 + random.below(40) })
      const time = await last(random.between(500, 3000), signal)
      return `${command} ${proxy.cuts - before}× in ${time}`
    } finally {
      proxy.mend()
      proxy.delay = 0
    }
  },

  /** A secondary answers, and replicates nothing. */
  async lag({ mongod, random, signal }) {
    const { port } = random.pick(mongod.members)
    const uri = `mongodb://127.0.0.1:${port}/?directConnection=true`
    const client = await MongoClient.connect(uri)
    const order = (mode) =>
      client.db('admin').command({ configureFailPoint: 'rsSyncApplyStop', mode })
    try {
      await order('alwaysOn')
      return await last(random.between(200, 2500), signal)
    } finally {
      await order('off')
      await client.close()
    }
  },

  async freezeMember({ mongod, random, signal }) {
    const { pid } = random.pick(mongod.members)
    process.kill(pid, 'SIGSTOP')
    try {
      return await last(random.between(200, 5000), signal)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  },

  async killMember({ mongod, random, signal }) {
    const member = random.pick(mongod.members)
    await member.kill()
    try {
      return await last(random.between(0, 3000), signal)
    } finally {
      await member.start()
    }
  },

  async stepDown({ witness, signal }) {
    // The connection may end with it.
    await witness
      .db('admin')
      .command({ replSetStepDown: 5, secondaryCatchUpPeriodSecs: 2, force: true })
      .catch(() => {})
    return last(1000, signal)
  },
}

async function last(ms, signal) {
  // An interrupted fault is healed at once, like one that is over.
  await sleep(ms, undefined, { signal }).catch(() => {})
  return `${(ms / 1000).toFixed(1)} s`
}
