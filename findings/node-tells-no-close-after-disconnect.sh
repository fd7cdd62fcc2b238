#!/usr/bin/env bash
# A process that its parent has let go of with `disconnect()` never emits 'close'.
#
# Versions: Node 20.20.2, 24.21.0 and 26.10.0.
# Behaviour: of a forked process, 'disconnect' and 'exit' are told, and never 'close', which the documentation has
# come after every 'exit', once the stdio streams are closed. If the process itself disconnects, it does come.
# Who meets it: whoever lets go of a forked process and then waits for its 'close', for ever.
. "$(dirname "$0")/support/start.sh"

cat > fork.cjs <<'CODE'
const { fork } = require('node:child_process')
if (process.argv[2] === 'child') {
  process.once('disconnect', () => process.exit())
  process.send('ready')
} else {
  const child = fork(__filename, ['child'])
  const told = []
  for (const name of ['disconnect', 'exit', 'close']) child.on(name, () => told.push(name))
  child.once('message', () => child.disconnect())
  child.once('exit', () => setTimeout(() => console.log(`${process.version}: ${told.join(', ')}`), 1000))
}
CODE
for version in 20.20.2 24.21.0 26.10.0; do
  install_npm "node@$version"
  answer=$(./node_modules/.bin/node fork.cjs)
  seen "$answer"
  [[ "$answer" == *": disconnect, exit" ]] || changed "$answer"
done
