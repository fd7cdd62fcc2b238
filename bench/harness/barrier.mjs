// How requests meet: each waits until as many have come as are to overlap.

/** A function whose callers wait for each other, `parties` at a time. */
export function barrier(parties) {
  let waiting = []
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (waiting.length < parties) return
      for (const each of waiting) each()
      waiting = []
    })
}
