// Numbers that a seed repeats.

export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  /** A number from 0 up to but without 1 (the generator mulberry32). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }

  /** A number from `least` up to but without `most`. */
  between(least, most) {
    return least + this.next() * (most - least)
  }

  /** A whole number from 0 up to but without `count`. */
  below(count) {
    return Math.floor(this.next() * count)
  }

  chance(probability) {
    return this.next() < probability
  }

  pick(list) {
    return list[this.below(list.length)]
  }

  /** One of the names of `weights`, each as often as its weight says. */
  weighted(weights) {
    let rest = this.between(
      0,
      Object.values(weights).reduce((sum, weight) => sum + weight),
    )
    for (const [name, weight] of Object.entries(weights)) {
      if (rest < weight) return name
      rest -= weight
    }
    return Object.keys(weights).at(-1)
  }
}
