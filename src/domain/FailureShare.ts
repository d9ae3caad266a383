import type { Classification } from "./Classification.ts"
import { TooManyFailures } from "./ReplayError.ts"
import type { ReplayOutcome } from "./ReplayOutcome.ts"

/** Fewer letters than this say nothing about the others. */
const leastSent = 100

/** Letters further back are forgotten: a run that fails after going well for hours is stopped as soon as any other. */
const remembered = 1000

/**
 * The share of failed letters (rejected or exhausted) among the last 1,000 sent. Mutable, and not kept in the checkpoint:
 * a resumed run that remembered its failures would halt again at once.
 */
export class FailureShare {
  readonly #most: number
  /** What each of them failed with, in a ring. */
  readonly #last: Array<Classification | undefined> = []
  #sent = 0
  #failed = 0

  constructor(most: number) {
    this.#most = most
  }

  /**
   * Adds an outcome; returns a cause once too many have failed, even if the 100th letter, the first to count, has not.
   */
  add(outcome: ReplayOutcome): TooManyFailures | undefined {
    if (outcome._tag === "Skipped") return undefined
    const failure = "error" in outcome ? outcome.error.classification : undefined
    const place = this.#sent++ % remembered
    if (this.#last[place] !== undefined) this.#failed--
    this.#last[place] = failure
    if (failure !== undefined) this.#failed++
    const sent = this.#last.length
    return sent >= leastSent && this.#failed > this.#most * sent ? this.#tooMany() : undefined
  }

  #tooMany(): TooManyFailures {
    const counts = new Map<Classification, number>()
    for (const failure of this.#last) {
      if (failure !== undefined) counts.set(failure, (counts.get(failure) ?? 0) + 1)
    }
    const [classification, times] = Array.from(counts).reduce((most, next) => (next[1] > most[1] ? next : most))
    return new TooManyFailures({
      sent: this.#last.length,
      failed: this.#failed,
      classification,
      times,
      maxFailureShare: this.#most
    })
  }
}
