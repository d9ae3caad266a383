import { Schema } from "effect"
import { ReplayReport } from "./ReplayReport.ts"
import { TallySnapshot } from "./ReplayTally.ts"

/**
 * The options of a run that decide which letters are sent and with which bytes. A run is resumed only under the options
 * it was started with; a predicate given in code cannot be compared: the caller has to keep it the same.
 */
export const RunOptions = Schema.Struct({
  /** The base URL of the service: another one has other letters in a topic of that name. Absent in older runs. */
  service: Schema.optionalKey(Schema.String),
  topicId: Schema.String,
  pageSize: Schema.Int,
  maxAttempts: Schema.Int,
  destination: Schema.NullOr(Schema.String),
  failureReason: Schema.NullOr(Schema.String),
  limit: Schema.NullOr(Schema.Int),
  /** Whether letters of one key go in order. The caller has to keep the function that gives the key the same, too. */
  orderBy: Schema.Boolean,
  orderOnFailure: Schema.Literals(["hold", "release"])
})
export type RunOptions = typeof RunOptions.Type

/** How far a run has come. Only settled pages count: each of their letters has a final outcome and an audit record. */
export const RunCheckpoint = Schema.Struct({
  version: Schema.Literal(1),
  runId: Schema.String,
  options: RunOptions,
  initiatedAt: Schema.String,
  /**
   * The version of the library that began the run. As the start, it is part of what is sent for each letter, and stays
   * when the library is updated before the run is resumed. Absent in older runs.
   */
  clientVersion: Schema.optionalKey(Schema.String),
  /** Pages settled, from the first on. */
  settledPages: Schema.Natural,
  /** Letters that may have been sent. Those beyond the letters of settled pages were in flight, or about to be. */
  startedLetters: Schema.Natural,
  /** The token of the first page not settled; `null` for the first of all. */
  pageToken: Schema.NullOr(Schema.String),
  tally: TallySnapshot,
  /** Keys of letters that failed on settled pages, and hold back those behind them. */
  heldKeys: Schema.Array(Schema.String),
  /** When the last page was settled, ISO 8601; `null` before the first. */
  lastSettledAt: Schema.NullOr(Schema.String),
  /** Why the run halted; `null` while it runs, and after it was cut off. */
  halted: Schema.NullOr(Schema.String),
  /** Time spent on the run up to here. */
  elapsedMillis: Schema.Finite,
  /** The report, once every page is settled. */
  report: Schema.NullOr(ReplayReport)
})
export type RunCheckpoint = typeof RunCheckpoint.Type
