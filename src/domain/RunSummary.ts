import { Schema } from "effect"
import { LeaseHolder } from "./Lease.ts"
import { countsOf } from "./ReplayReport.ts"
import { ReplayTally } from "./ReplayTally.ts"
import type { RunCheckpoint } from "./RunCheckpoint.ts"

/**
 * Where a run stands: `running` in a process, `cut-off` by a crash or because its end could not be saved, `halted` for a
 * reason, or `completed`. All but the last can be resumed under the run's id.
 */
export const RunState = Schema.Literals(["running", "cut-off", "halted", "completed"])
export type RunState = typeof RunState.Type

/** A run as the store holds it. */
export const RunSummary = Schema.Struct({
  runId: Schema.String,
  topicId: Schema.String,
  state: RunState,
  /** Letters of settled pages. */
  letters: Schema.Natural,
  success: Schema.Natural,
  failed: Schema.Natural,
  skipped: Schema.Natural,
  /** ISO 8601. */
  startedAt: Schema.String,
  /** When the last page was settled, ISO 8601; `null` before the first. */
  lastSettledAt: Schema.NullOr(Schema.String),
  /** Who works on it. */
  holder: Schema.NullOr(LeaseHolder),
  /** Why it halted. */
  why: Schema.NullOr(Schema.String)
})
export type RunSummary = typeof RunSummary.Type

/** The summary of a run, given who works on it. */
export const summarize = (checkpoint: RunCheckpoint, holder: LeaseHolder | null): RunSummary => {
  const { halted, initiatedAt, lastSettledAt, options, report, runId, tally } = checkpoint
  const { failed, letters, skipped, success } = countsOf(ReplayTally.restore(tally))
  const state = report !== null ? "completed" : holder !== null ? "running" : halted !== null ? "halted" : "cut-off"
  return {
    runId,
    topicId: options.topicId,
    state,
    letters,
    success,
    failed,
    skipped,
    startedAt: initiatedAt,
    lastSettledAt,
    holder: state === "running" ? holder : null,
    why: state === "halted" ? halted : null
  }
}

/** A run whose checkpoint cannot be read. It can be forgotten all the same. */
export const UnreadableRun = Schema.Struct({
  runId: Schema.String,
  state: Schema.Literal("unreadable"),
  why: Schema.String,
  /** What to do about it. */
  hint: Schema.String
})
export type UnreadableRun = typeof UnreadableRun.Type

/** What is known of a run in the store. */
export const StoredRun = Schema.Union([RunSummary, UnreadableRun])
export type StoredRun = typeof StoredRun.Type
