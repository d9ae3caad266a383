import { Schema } from "effect"
import { Hash } from "./AuditLine.ts"
import { Counts } from "./Counts.ts"
import { OutcomeCounts, type ReplayTally } from "./ReplayTally.ts"

/** What the monitoring webhook got of a run. */
export const NotificationCounts = Schema.Struct({
  delivered: Schema.Natural,
  /** Tried, and answered with anything but a 2xx, or not at all. */
  failed: Schema.Natural,
  /** Never sent: the queue was full, or the time to drain it was over. */
  dropped: Schema.Natural
})
export type NotificationCounts = typeof NotificationCounts.Type

/** What a run did. `letters` is `success + failed + skipped`. */
export const ReplayReport = Schema.Struct({
  runId: Schema.String,
  topicId: Schema.String,
  /** `running` in a report made during the run. */
  status: Schema.Literals(["running", "completed", "halted"]),
  /** The start of the run as every request of it carries it, ISO 8601. */
  initiatedAt: Schema.String,
  /** Letters read. */
  letters: Schema.Natural,
  /** Accepted. */
  success: Schema.Natural,
  /** Rejected and exhausted. */
  failed: Schema.Natural,
  /** Skipped and duplicates. */
  skipped: Schema.Natural,
  outcomes: OutcomeCounts,
  /** Letters that failed or were duplicates, by classification. */
  byClassification: Counts,
  /** Letters that were not sent, by why. */
  bySkipReason: Counts,
  /** All letters, by why the service could not deliver them in the first place: the first 200 characters of it. */
  byFailureReason: Counts,
  /** Accepted, although the answer could not be read. */
  unreadableReceipts: Schema.Natural,
  latencyMs: Schema.Struct({ p50: Schema.Finite, p95: Schema.Finite, p99: Schema.Finite }),
  /** Time the run has taken, over all processes that worked on it. */
  seconds: Schema.Finite,
  notifications: NotificationCounts,
  /**
   * The head of the audit's chain, `null` for an audit that keeps none. Noted elsewhere, it shows later that no line up to
   * here was cut off: see `Audit.verify`.
   */
  auditHead: Schema.NullOr(Hash),
  /** Where the run stopped: pages settled, and for a halted run the token of the page it resumes from, and why. */
  stopped: Schema.Struct({
    pages: Schema.Natural,
    pageToken: Schema.optionalKey(Schema.String),
    why: Schema.optionalKey(Schema.String)
  })
})
export type ReplayReport = typeof ReplayReport.Type

/** The counting part of a report. */
export const countsOf = (tally: ReplayTally) => {
  const { accepted, duplicate, exhausted, rejected, skipped } = tally.outcomes
  const { byClassification, byFailureReason, bySkipReason, outcomes, unreadableReceipts } = tally.snapshot()
  return {
    letters: tally.letters,
    success: accepted,
    failed: rejected + exhausted,
    skipped: skipped + duplicate,
    outcomes,
    byClassification,
    bySkipReason,
    byFailureReason,
    unreadableReceipts,
    latencyMs: { p50: tally.percentile(0.5), p95: tally.percentile(0.95), p99: tally.percentile(0.99) }
  }
}
