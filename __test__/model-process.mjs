// A client of the model test in a process of its own: does what its parent says.
import { Client } from './model-client.mjs'

const client = new Client(JSON.parse(process.argv[2]))

process.on('message', async ({ id, step }) => {
  try {
    process.send({ id, seen: await client.run(step) })
  } catch (error) {
    process.send({ id, error: String(error) })
  }
})

process.once('disconnect', () => client.store.close())
