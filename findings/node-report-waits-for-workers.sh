#!/usr/bin/env bash
# process.report.getReport() waits until every worker thread has a moment to spare.
#
# Versions: Node 20.19.0, 24.21.0 and 26.10.0.
# Behaviour: the report includes one of each worker thread, so the call stands still as long as any of them runs
# synchronous code; with nothing said about it in the description of the method.
# Who meets it: whoever asks the report for the C library (`glibcVersionRuntime`), as many loaders of native addons do.
. "$(dirname "$0")/support/start.sh"

cat > report.cjs <<'CODE'
const { Worker } = require('node:worker_threads')
const shared = new Int32Array(new SharedArrayBuffer(4))
const worker = new Worker(
  `const { workerData } = require('node:worker_threads')
   Atomics.store(workerData, 0, 1); Atomics.notify(workerData, 0)
   require('node:child_process').execFileSync(process.execPath, ['-e', 'setTimeout(() => {}, 2000)'])`,
  { eval: true, workerData: shared },
)
const begin = () => {
  if (Atomics.load(shared, 0) === 0) return setTimeout(begin, 10)
  setTimeout(() => {
    const start = performance.now()
    process.report.getReport()
    const ms = performance.now() - start
    console.log(`${process.version}: ${ms > 1000 ? 'waits for the worker' : 'does not wait'}`)
    worker.terminate()
  }, 200)
}
begin()
CODE
for version in 20.19.0 24.21.0 26.10.0; do
  install_npm "node@$version"
  answer=$(./node_modules/.bin/node report.cjs)
  seen "$answer"
  [[ "$answer" == *"waits for the worker" ]] || changed "$answer"
done
