import { Schema } from "effect"

const Counts = Schema.Record(Schema.String, Schema.Natural)

/** What the emulator has seen. */
export const EmulatorStats = Schema.Struct({
  /**
   * How often each idempotency key was accepted, first accepted first: more than once means a key was forgotten
   * (`keyRetention`).
   */
  deliveries: Counts,
  /** Answers by route and status; `reset` stands for no answer. */
  requests: Schema.Record(Schema.String, Counts),
  /** Faults by kind. */
  faults: Counts,
  /** Replay requests by key, of keys that came more than once. */
  attempts: Counts,
  /** Different bodies by key, of keys that came with more than one. */
  distinctBodies: Counts,
  /** Requests that came before the `Retry-After` given to their key was over. */
  retryAfterViolations: Schema.Natural,
  /** Accepted replays whose payload is not the letter's, member for member and digit for digit. */
  payloadMismatches: Schema.Natural,
  /** Writes to subscriptions that were applied; an answer from memory applies nothing. */
  subscriptionWrites: Schema.Struct({
    creates: Schema.Natural,
    updates: Schema.Natural,
    deletes: Schema.Natural
  })
})
export type EmulatorStats = typeof EmulatorStats.Type
