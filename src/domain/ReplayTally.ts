import { Schema } from "effect"
import { Counts, increase, increaseBounded, noReason } from "./Counts.ts"
import { shorten } from "./Failure.ts"
import { bucketOf, LatencyHistogram, percentile } from "./LatencyHistogram.ts"
import type { ReplayOutcome } from "./ReplayOutcome.ts"
import * as Skip from "./Skip.ts"

/** How many letters ended in each way. */
export const OutcomeCounts = Schema.Struct({
  accepted: Schema.Natural,
  duplicate: Schema.Natural,
  skipped: Schema.Natural,
  rejected: Schema.Natural,
  exhausted: Schema.Natural
})
export type OutcomeCounts = typeof OutcomeCounts.Type

/** A tally at rest, as a checkpoint keeps it. */
export const TallySnapshot = Schema.Struct({
  outcomes: OutcomeCounts,
  selected: Schema.Natural,
  unreadableReceipts: Schema.Natural,
  byClassification: Counts,
  bySkipReason: Counts,
  byFailureReason: Counts,
  latencies: LatencyHistogram
})
export type TallySnapshot = typeof TallySnapshot.Type

/**
 * The counts of a run or of a part of it, in constant memory. Mutable: it is added to once a letter, by the one fiber
 * that settles it.
 */
export class ReplayTally {
  readonly outcomes = { accepted: 0, duplicate: 0, skipped: 0, rejected: 0, exhausted: 0 }
  /** Letters that the run selected, sent or not; what `limit` counts. */
  selected = 0
  unreadableReceipts = 0
  readonly byClassification = new Map<string, number>()
  readonly bySkipReason = new Map<string, number>()
  readonly byFailureReason = new Map<string, number>()
  readonly latencies = new Map<number, number>()

  get letters(): number {
    const { accepted, duplicate, exhausted, rejected, skipped } = this.outcomes
    return accepted + duplicate + skipped + rejected + exhausted
  }

  add(outcome: ReplayOutcome): void {
    if (outcome._tag !== "Skipped" || outcome.skip._tag !== "NotSelected") this.selected++
    increaseBounded(this.byFailureReason, shorten(outcome.letter?.failureReason ?? noReason))
    if (outcome._tag === "Skipped") {
      this.outcomes.skipped++
      increase(this.bySkipReason, Skip.reason(outcome.skip))
      return
    }
    const bucket = bucketOf(outcome.latencyMillis)
    this.latencies.set(bucket, (this.latencies.get(bucket) ?? 0) + 1)
    switch (outcome._tag) {
      case "Accepted": {
        this.outcomes.accepted++
        if (outcome.confirmedBy === "UnreadableReceipt") this.unreadableReceipts++
        return
      }
      case "Duplicate": {
        this.outcomes.duplicate++
        return increase(this.byClassification, "DUPLICATE_DETECTED")
      }
      case "Rejected": {
        this.outcomes.rejected++
        return increase(this.byClassification, outcome.error.classification)
      }
      case "Exhausted": {
        this.outcomes.exhausted++
        return increase(this.byClassification, outcome.error.classification)
      }
    }
  }

  merge(other: ReplayTally): void {
    this.outcomes.accepted += other.outcomes.accepted
    this.outcomes.duplicate += other.outcomes.duplicate
    this.outcomes.skipped += other.outcomes.skipped
    this.outcomes.rejected += other.outcomes.rejected
    this.outcomes.exhausted += other.outcomes.exhausted
    this.selected += other.selected
    this.unreadableReceipts += other.unreadableReceipts
    for (const [key, count] of other.byClassification) increase(this.byClassification, key, count)
    for (const [key, count] of other.bySkipReason) increase(this.bySkipReason, key, count)
    for (const [key, count] of other.byFailureReason) increaseBounded(this.byFailureReason, key, count)
    for (const [bucket, count] of other.latencies) {
      this.latencies.set(bucket, (this.latencies.get(bucket) ?? 0) + count)
    }
  }

  percentile(share: number): number {
    return percentile(this.latencies, share)
  }

  snapshot(): TallySnapshot {
    return {
      outcomes: { ...this.outcomes },
      selected: this.selected,
      unreadableReceipts: this.unreadableReceipts,
      byClassification: Object.fromEntries(this.byClassification),
      bySkipReason: Object.fromEntries(this.bySkipReason),
      byFailureReason: Object.fromEntries(this.byFailureReason),
      latencies: Array.from(this.latencies)
    }
  }

  static restore(snapshot: TallySnapshot): ReplayTally {
    const tally = new ReplayTally()
    const { byClassification, byFailureReason, bySkipReason, latencies, outcomes, ...counts } = snapshot
    Object.assign(tally.outcomes, outcomes)
    tally.selected = counts.selected
    tally.unreadableReceipts = counts.unreadableReceipts
    for (const [key, count] of Object.entries(byClassification)) tally.byClassification.set(key, count)
    for (const [key, count] of Object.entries(bySkipReason)) tally.bySkipReason.set(key, count)
    for (const [key, count] of Object.entries(byFailureReason)) tally.byFailureReason.set(key, count)
    for (const [bucket, count] of latencies) tally.latencies.set(bucket, count)
    return tally
  }
}
