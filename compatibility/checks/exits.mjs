// A store neither holds up the end of its process nor is it cut short.
import assert from 'node:assert/strict'

export const exits = {
  async 'an idle store does not keep the process alive'(world) {
    const { code, signal, stdout, stderr } = await world.run('programs/exit.mjs', 'idle')
    assert.deepEqual(
      { code, signal, stdout, stderr },
      { code: 0, signal: null, stdout: 'ada\n', stderr: '' },
    )
  },

  async 'a pending call keeps the process alive until it is answered'(world) {
    const { code, signal, stdout, stderr } = await world.run('programs/exit.mjs', 'pending')
    assert.deepEqual(
      { code, signal, stdout, stderr },
      { code: 0, signal: null, stdout: 'answered\n', stderr: '' },
    )
  },

  async 'process.exit ends a store at work'(world) {
    const { code, signal, stderr } = await world.run('programs/exit.mjs', 'exit')
    assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' })
  },

  async 'an uncaught error ends a store at work'(world) {
    const { code, signal, stderr } = await world.run('programs/exit.mjs', 'throw')
    assert.deepEqual({ code, signal }, { code: 1, signal: null })
    assert.match(stderr, /the application failed/)
  },
}
