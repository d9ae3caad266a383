import { Schema } from "effect"
import { Classification } from "./Classification.ts"
import { ReplayOutcome } from "./ReplayOutcome.ts"
import * as Skip from "./Skip.ts"

/** What is kept of every letter that was read, and sent to the monitoring webhook for every letter that was sent. */
export const ReplayAuditRecord = Schema.Struct({
  event_id: Schema.String,
  action: Schema.Literal("REPLAY_PUT"),
  status: Schema.Literals(["SUCCESS", "FAILED", "SKIPPED", "EXHAUSTED"]),
  /** What failed, or why the letter was skipped; `null` when there is nothing to say. */
  error_classification: Schema.NullOr(Schema.Union([Classification, Skip.SkipReason])),
  /** 0 for letters that were not sent. */
  latency_ms: Schema.Finite,
  timestamp: Schema.String,
  /** `null` for an entry of the queue that has no readable event id. */
  idempotency_key: Schema.NullOr(Schema.String),
  /** The destination override, else the topic. */
  destination: Schema.String,
  run_id: Schema.String,
  /** A phrase for what the classification alone does not say. */
  detail: Schema.optionalKey(Schema.String)
})
export type ReplayAuditRecord = typeof ReplayAuditRecord.Type

const acceptedDetail = {
  Receipt: undefined,
  UnreadableReceipt: "accepted; the receipt could not be read",
  EarlierTry: "accepted; an earlier try had arrived",
  EarlierRun: "accepted; resumed, an earlier process of this run had sent it"
}

/** What a record says beyond which letter it is about. */
interface Verdict extends Pick<ReplayAuditRecord, "status" | "error_classification"> {
  readonly latencyMillis: number
  readonly detail: string | undefined
}

const verdictOf: (outcome: ReplayOutcome) => Verdict = ReplayOutcome.$match({
  Accepted: ({ confirmedBy, latencyMillis }): Verdict => ({
    status: "SUCCESS",
    error_classification: null,
    latencyMillis,
    detail: acceptedDetail[confirmedBy]
  }),
  Duplicate: ({ latencyMillis }): Verdict => ({
    status: "SKIPPED",
    error_classification: "DUPLICATE_DETECTED",
    latencyMillis,
    detail: "replayed before: by somebody else, or as another entry with the same id"
  }),
  Skipped: ({ skip }): Verdict => ({
    status: "SKIPPED",
    error_classification: Skip.reason(skip),
    latencyMillis: 0,
    detail: Skip.describe(skip)
  }),
  Rejected: ({ error, latencyMillis }): Verdict => ({
    status: "FAILED",
    error_classification: error.classification,
    latencyMillis,
    detail: error.message
  }),
  Exhausted: ({ error, latencyMillis }): Verdict => ({
    status: "EXHAUSTED",
    error_classification: error.classification,
    latencyMillis,
    detail: error.message
  })
})

/** The final record of a letter. */
export const fromOutcome = (
  outcome: ReplayOutcome,
  options: {
    readonly runId: string
    readonly topicId: string
    readonly destination: string | undefined
    readonly timestamp: string
  }
): ReplayAuditRecord => {
  const { detail, error_classification, latencyMillis, status } = verdictOf(outcome)
  return {
    // The members by name, which is the order an audit keeps them in.
    action: "REPLAY_PUT",
    destination: options.destination ?? outcome.letter?.topicId ?? options.topicId,
    ...(detail === undefined ? {} : { detail }),
    error_classification,
    event_id: outcome.eventId,
    idempotency_key: outcome.idempotencyKey ?? null,
    latency_ms: Math.round(latencyMillis),
    run_id: options.runId,
    status,
    timestamp: options.timestamp
  }
}

/** What is kept of each operation on a subscription. */
export const SubscriptionAuditRecord = Schema.Struct({
  operation: Schema.Literals(["CREATE", "UPDATE", "GET", "LIST", "DELETE", "CONFIRM_DELIVERY", "SYNC_REGISTRY"]),
  /** `null` where none is known: a list, or a create that failed, whose details then begin with the name. */
  subscriptionId: Schema.NullOr(Schema.String),
  status: Schema.Literals(["SUCCESS", "UNCHANGED", "FAILED"]),
  /** The idempotency key of a write, what was found, or the failure. */
  details: Schema.String,
  timestamp: Schema.String
})
export type SubscriptionAuditRecord = typeof SubscriptionAuditRecord.Type

/** Everything an audit holds. */
export const AuditRecord = Schema.Union([ReplayAuditRecord, SubscriptionAuditRecord])
export type AuditRecord = typeof AuditRecord.Type
