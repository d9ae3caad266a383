import { Schema } from "effect"
import { Counts } from "./Counts.ts"

/** What a run would do. Nothing was sent for it. */
export const ReplayPlan = Schema.Struct({
  topicId: Schema.String,
  /** Letters read. */
  letters: Schema.Natural,
  /** Letters a run would send. */
  toSend: Schema.Natural,
  /** Letters a run would skip. */
  toSkip: Schema.Natural,
  bySkipReason: Counts,
  byFailureReason: Counts,
  /** JSON in UTF-8 of the payloads that would be sent. */
  payloadBytes: Schema.Natural,
  pages: Schema.Natural
})
export type ReplayPlan = typeof ReplayPlan.Type
