// CPU time, in microseconds, of the main thread, of this process and of mongod.
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** Ticks per second of /proc/<pid>/stat, the same on every Linux that Node runs on. */
const TICKS = 100

/** How the main thread's time is known here; the results name it. */
export const mainThreadMethod = (() => {
  if (typeof process.threadCpuUsage === 'function') return 'process.threadCpuUsage'
  if (read('/proc/self/schedstat')) return '/proc/self/schedstat'
  return 'performance.eventLoopUtilization'
})()

/** A point in time; `mongodPid` may be unknown. */
export function cpuNow(mongodPid) {
  const { user, system } = process.cpuUsage()
  return {
    at: performance.now(),
    main: mainThread(),
    process: user + system,
    mongod: mongodPid ? ticksOf(mongodPid) : undefined,
  }
}

/** What an operation cost between two points. */
export function cpuPerOperation(begin, end, operations) {
  const per = (name) =>
    end[name] === undefined ? undefined : (end[name] - begin[name]) / operations
  return { main: per('main'), process: per('process'), mongod: per('mongod') }
}

function mainThread() {
  switch (mainThreadMethod) {
    case 'process.threadCpuUsage': {
      const { user, system } = process.threadCpuUsage()
      return user + system
    }
    // Of a process this file tells about its first thread: the time on a CPU in nanoseconds.
    case '/proc/self/schedstat':
      return Number(read('/proc/self/schedstat').split(' ')[0]) / 1000
    // Time in which the loop was not waiting: CPU time, and waiting for a CPU as well.
    default:
      return performance.eventLoopUtilization().active * 1000
  }
}

/** User and system time of a process. Its name, in brackets, may hold spaces. */
function ticksOf(pid) {
  const stat = read(`/proc/${pid}/stat`)
  if (!stat) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
