/** Latencies in buckets of 1 % width, from 1 µs to minutes: small, and quick to fill. */
export class Latencies {
  #counts = new Uint32Array(2048)
  count = 0

  add(milliseconds) {
    const bucket = Math.log(Math.max(milliseconds * 1000, 1)) * 100
    this.#counts[Math.min(bucket | 0, 2047)]++
    this.count++
  }

  /** The latency in milliseconds below which a share of all is. */
  percentile(share) {
    if (this.count === 0) return undefined
    let left = share * this.count
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket]
      if (left <= 0) return Math.exp((bucket + 0.5) / 100) / 1000
    }
    return undefined
  }
}
