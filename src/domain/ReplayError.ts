import { Schema } from "effect"
import { Classification } from "./Classification.ts"
import { EventBridgeError } from "./EventBridgeError.ts"
import { describeHolder, LeaseHolder, LeaseLost, waitForHolder } from "./Lease.ts"
import { ReplayReport } from "./ReplayReport.ts"

/** A record could not be written; what depends on it stops. */
export class AuditError extends Schema.TaggedError<AuditError>()("AuditError", {
  /** Where the records go. */
  sink: Schema.String,
  detail: Schema.String,
  /** What to do, if not to make room. */
  remedy: Schema.optionalKey(Schema.String)
}) {
  get hint(): string {
    return (
      this.remedy ?? "Free some space, or make the location writable; then start again, a run with the same run id."
    )
  }
  override get message(): string {
    return `the audit record could not be written to ${this.sink}: ${this.detail}`
  }
}

/** A checkpoint could not be read or written. */
export class CheckpointError extends Schema.TaggedError<CheckpointError>()("CheckpointError", {
  /** `null` if it is about all of them. */
  runId: Schema.NullOr(Schema.String),
  detail: Schema.String,
  /** Where it is kept, if that is known. */
  place: Schema.optionalKey(Schema.String),
  /** The store answers, but what it holds is not a checkpoint of this run. */
  isUnreadable: Schema.optionalKey(Schema.Boolean)
}) {
  get hint(): string {
    return this.isUnreadable === true
      ? "It was changed by hand, or written by another version of this library. Restore it, or forget the run and start it again: letters already delivered are then skipped as duplicates."
      : "Check the store that holds the checkpoints."
  }
  override get message(): string {
    const what = this.runId === null ? "the checkpoints" : `the checkpoint of run ${this.runId}`
    const place = this.place === undefined ? "" : ` (${this.place})`
    return `${what}${place} could not be used: ${this.detail}`
  }
}

/** Another process works on the run, or this one does already. */
export class RunInProgress extends Schema.TaggedError<RunInProgress>()("RunInProgress", {
  runId: Schema.String,
  holder: LeaseHolder
}) {
  readonly hint = waitForHolder
  override get message(): string {
    return `run ${this.runId} is in progress in ${describeHolder(this.holder)}`
  }
}

/** The run was started with options other than those it is now given. */
export class CheckpointMismatch extends Schema.TaggedError<CheckpointMismatch>()("CheckpointMismatch", {
  runId: Schema.String,
  differences: Schema.Array(Schema.Struct({ option: Schema.String, started: Schema.String, given: Schema.String }))
}) {
  readonly hint = "Give the options the run was started with, or another run id."
  override get message(): string {
    const list = this.differences.map(({ given, option, started }) => `${option} was ${started}, now ${given}`)
    return `run ${this.runId} was started with other options: ${list.join("; ")}`
  }
}

/** A destination override that is not allowed. */
export class DestinationForbidden extends Schema.TaggedError<DestinationForbidden>()("DestinationForbidden", {
  destination: Schema.String,
  why: Schema.String
}) {
  readonly hint = "Use an https URL of a public host on the configured allow list."
  override get message(): string {
    return `destination ${this.destination} is refused: ${this.why}`
  }
}

/** An option of a run is out of its range. */
export class InvalidReplayOptions extends Schema.TaggedError<InvalidReplayOptions>()("InvalidReplayOptions", {
  issues: Schema.Array(Schema.String)
}) {
  readonly hint = "Correct the options named."
  override get message(): string {
    return this.issues.join("; ")
  }
}

/** The run was asked to stop: by `ReplayRun.stop`, or by the interruption of the fiber that runs it. */
export class RunStopped extends Schema.TaggedError<RunStopped>()("RunStopped", {}) {
  readonly hint = "Run again with the same run id to resume it."
  override readonly message = "it was asked to stop"
}

const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 })

/** So large a share of the letters failed that the others would as well. */
export class TooManyFailures extends Schema.TaggedError<TooManyFailures>()("TooManyFailures", {
  /** The letters looked at: those sent last. */
  sent: Schema.Natural,
  /** How many of them were rejected or exhausted. */
  failed: Schema.Natural,
  /** What most of these failed with, and how many. */
  classification: Classification,
  times: Schema.Natural,
  maxFailureShare: Schema.Finite
}) {
  readonly hint =
    "The audit says what was wrong with each. Correct the cause, or allow more with maxFailureShare; then run again with the same run id. A new run tries those that failed again."
  override get message(): string {
    const share = `${percent.format(this.failed / this.sent)} of the last ${this.sent} letters sent failed`
    return `${share}, ${this.times} of them with ${this.classification}; the limit is ${percent.format(this.maxFailureShare)}`
  }
}

/** More keys are held back behind letters that failed than a run can keep in mind. */
export class TooManyHeldKeys extends Schema.TaggedError<TooManyHeldKeys>()("TooManyHeldKeys", {
  /** Keys that were held since the process began. */
  keys: Schema.Natural
}) {
  readonly hint =
    'Find out from the audit why letters fail; then run again with the same run id, or start a run with orderOnFailure "release".'
  override get message(): string {
    return `${this.keys} keys are held back behind a letter that failed`
  }
}

/** What can stop a run. */
export const HaltCause = Schema.Union([
  EventBridgeError,
  AuditError,
  CheckpointError,
  LeaseLost,
  RunStopped,
  TooManyFailures,
  TooManyHeldKeys
])
export type HaltCause = typeof HaltCause.Type

/**
 * The run stopped before the end of the queue. Nothing that was not tried is counted as failed; run again with the same
 * run id to resume it.
 */
export class ReplayHalted extends Schema.TaggedError<ReplayHalted>()("ReplayHalted", {
  reason: HaltCause,
  /** What was done up to here, with status `halted`. */
  report: ReplayReport
}) {
  get hint(): string {
    return this.reason.hint
  }
  override get message(): string {
    return `run ${this.report.runId} halted after ${this.report.letters} letters: ${this.reason.message}`
  }
}
