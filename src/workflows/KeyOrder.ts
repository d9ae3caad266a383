/**
 * Lets the letters of a key go one after the other, in the order they come. A key takes memory only while one of its
 * letters is in flight, or once one has failed and holds back those behind it. Mutable, and of one run only.
 */
export class KeyOrder<Item> {
  /** Keys with a letter in flight, and the letters that wait behind it. */
  readonly #busy = new Map<string, Array<Item>>()
  readonly #held: Set<string>
  #waiting = 0

  constructor(held: ReadonlyArray<string>) {
    this.#held = new Set(held)
  }

  /** How many wait behind a letter of their key. */
  get waiting(): number {
    return this.#waiting
  }

  /** Takes the next letter of a key. One that waits is handed out again, by `release` or by `hold`. */
  admit(key: string, item: Item): "go" | "wait" | "held" {
    if (this.#held.has(key)) return "held"
    const behind = this.#busy.get(key)
    if (behind === undefined) {
      this.#busy.set(key, [])
      return "go"
    }
    behind.push(item)
    this.#waiting++
    return "wait"
  }

  /** The letter in flight has its outcome. Returns the one that goes next. */
  release(key: string): Item | undefined {
    const next = this.#busy.get(key)?.shift()
    if (next === undefined) this.#busy.delete(key)
    else this.#waiting--
    return next
  }

  /** It failed. Returns the letters behind it, which are not to go; nor is any later one. */
  hold(key: string): ReadonlyArray<Item> {
    const behind = this.#busy.get(key) ?? []
    this.#busy.delete(key)
    this.#waiting -= behind.length
    this.#held.add(key)
    return behind
  }
}
