import * as Seeded from "./Seeded.ts"

const seedA = 0x811c9dc5
const seedB = 0x1b873593

/** What tells one body from another in 12 bytes. */
interface Fingerprint {
  readonly a: number
  readonly b: number
  readonly length: number
}

/**
 * What is known of every idempotency key. Kept in columns: a key costs its text and some 40 bytes, so a million of them
 * fit into little more than 100 MB.
 */
export class KeyLedger {
  private readonly retentionMillis: number
  private readonly rows = new Map<string, number>()
  private capacity = 1024
  private attempts = new Int32Array(this.capacity)
  private accepted = new Int32Array(this.capacity)
  /** The rows of the accepted keys, in the order in which they were first accepted. */
  private acceptedRows = new Int32Array(this.capacity)
  private acceptedCount = 0
  private acceptedAt = new Float64Array(this.capacity)
  /** Three columns a body: the first body seen under a key. */
  private first = new Int32Array(this.capacity * 3)
  /** The rare keys that were seen with another body: all of their bodies. */
  private readonly bodies = new Map<number, Set<string>>()
  /** Three columns: what each key was accepted for. */
  private content = new Int32Array(this.capacity * 3)

  constructor(retentionMillis: number) {
    this.retentionMillis = retentionMillis
  }

  private row(key: string): number {
    const known = this.rows.get(key)
    if (known !== undefined) return known
    const row = this.rows.size
    if (row === this.capacity) this.grow()
    this.rows.set(key, row)
    return row
  }

  private grow(): void {
    this.capacity *= 2
    const wider = (column: Int32Array, width: number) => {
      const next = new Int32Array(this.capacity * width)
      next.set(column)
      return next
    }
    this.attempts = wider(this.attempts, 1)
    this.accepted = wider(this.accepted, 1)
    this.acceptedRows = wider(this.acceptedRows, 1)
    this.first = wider(this.first, 3)
    this.content = wider(this.content, 3)
    const acceptedAt = new Float64Array(this.capacity)
    acceptedAt.set(this.acceptedAt)
    this.acceptedAt = acceptedAt
  }

  /** Counts a request with this key and body; returns its number for the key, from 1. */
  seen(key: string, body: string): number {
    const row = this.row(key)
    const print = fingerprint(body)
    const attempt = (this.attempts[row] ?? 0) + 1
    this.attempts[row] = attempt
    if (attempt === 1) {
      this.first.set([print.a, print.b, print.length], row * 3)
    } else if (!same(print, printAt(this.first, row)) || this.bodies.has(row)) {
      const bodies = this.bodies.get(row) ?? new Set([name(printAt(this.first, row))])
      bodies.add(name(print))
      this.bodies.set(row, bodies)
    }
    return attempt
  }

  /** Accepts the key for this content, unless it was accepted before and is still remembered. */
  accept(key: string, content: string, now: number): "Accepted" | "SameContent" | "OtherContent" {
    const row = this.row(key)
    const print = fingerprint(content)
    const times = this.accepted[row] ?? 0
    if (times > 0 && now < (this.acceptedAt[row] ?? 0) + this.retentionMillis) {
      return same(print, printAt(this.content, row)) ? "SameContent" : "OtherContent"
    }
    if (times === 0) this.acceptedRows[this.acceptedCount++] = row
    this.accepted[row] = times + 1
    this.acceptedAt[row] = now
    this.content.set([print.a, print.b, print.length], row * 3)
    return "Accepted"
  }

  private collect(count: (row: number) => number, above: number): Record<string, number> {
    const counts: Array<[key: string, count: number]> = []
    for (const [key, row] of this.rows) {
      const value = count(row)
      if (value > above) counts.push([key, value])
    }
    return Object.fromEntries(counts)
  }

  /** In the order in which keys were accepted for the first time. */
  deliveries(): Record<string, number> {
    const keys = Array.from(this.rows.keys())
    const rows = Array.from(this.acceptedRows.subarray(0, this.acceptedCount))
    return Object.fromEntries(rows.map((row) => [keys[row] ?? "", this.accepted[row] ?? 0]))
  }

  retried(): Record<string, number> {
    return this.collect((row) => this.attempts[row] ?? 0, 1)
  }

  distinctBodies(): Record<string, number> {
    return this.collect((row) => this.bodies.get(row)?.size ?? 1, 1)
  }
}

const fingerprint = (text: string): Fingerprint => ({
  a: Seeded.ofText(seedA, text),
  b: Seeded.ofText(seedB, text),
  length: text.length
})

const printAt = (column: Int32Array, row: number): Fingerprint => ({
  a: column[row * 3] ?? 0,
  b: column[row * 3 + 1] ?? 0,
  length: column[row * 3 + 2] ?? 0
})

const same = (left: Fingerprint, right: Fingerprint): boolean =>
  left.a === right.a && left.b === right.b && left.length === right.length

const name = ({ a, b, length }: Fingerprint): string => `${a}/${b}/${length}`
