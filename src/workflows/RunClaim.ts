import { DateTime, Effect, Option, type Scope, Struct } from "effect"
import { SecureRandom } from "effect/crypto"
import { clientVersion } from "../domain/ClientVersion.ts"
import { type CheckpointError, CheckpointMismatch, type RunInProgress } from "../domain/ReplayError.ts"
import type { ReplayReport } from "../domain/ReplayReport.ts"
import { ReplayTally } from "../domain/ReplayTally.ts"
import { type RunCheckpoint, RunOptions } from "../domain/RunCheckpoint.ts"
import { Checkpoints } from "../services/Checkpoints.ts"
import type { Lease } from "../services/LeaseKeeper.ts"
import type { RunIdentity } from "./ReplayOptions.ts"

/** A run that no other process works on until the scope closes. */
export interface Claimed {
  readonly _tag: "Claimed"
  readonly checkpoint: RunCheckpoint
  readonly lease: Lease
}

/** A run to work on, or the report of one that is complete. */
export type RunClaim = Claimed | { readonly _tag: "Completed"; readonly report: ReplayReport }

/** Claims the run of this id; a new one if there is no id, or no checkpoint under it. */
export const claim = Effect.fnUntraced(function* (
  identity: Pick<RunIdentity, "runId">,
  options: RunOptions
): Effect.fn.Return<RunClaim, CheckpointError | CheckpointMismatch | RunInProgress, Checkpoints | Scope.Scope> {
  const checkpoints = yield* Checkpoints
  const { runId = SecureRandom.uuidV7Unsafe() } = identity
  const load = identity.runId === undefined ? Effect.succeedNone : checkpoints.load(runId)

  const check = ({ options: started }: RunCheckpoint) => {
    const differences = compare(started, options)
    return differences.length === 0 ? Effect.void : Effect.fail(new CheckpointMismatch({ runId, differences }))
  }

  // A completed run needs no claim: anybody may have its report.
  const earlier = Option.getOrUndefined(yield* load)
  if (earlier !== undefined && earlier.report !== null) {
    yield* check(earlier)
    return { _tag: "Completed", report: earlier.report }
  }
  const lease = yield* checkpoints.acquire(runId)
  // Loaded again, now that nobody else can work on it.
  const saved = Option.getOrUndefined(yield* load)
  if (saved !== undefined) yield* check(saved)
  const checkpoint = saved ?? newRun(runId, options, DateTime.formatIso(yield* DateTime.now))
  return checkpoint.report === null
    ? { _tag: "Claimed", checkpoint, lease }
    : { _tag: "Completed", report: checkpoint.report }
})

const newRun = (runId: string, options: RunOptions, initiatedAt: string): RunCheckpoint => ({
  version: 1,
  runId,
  options,
  initiatedAt,
  clientVersion,
  settledPages: 0,
  startedLetters: 0,
  pageToken: null,
  lastSettledAt: null,
  halted: null,
  tally: new ReplayTally().snapshot(),
  heldKeys: [],
  elapsedMillis: 0,
  report: null
})

const shown = (value: RunOptions[keyof RunOptions]): string => (value === null ? "not set" : String(value))

const compare = (started: RunOptions, given: RunOptions) =>
  Struct.keys(RunOptions.fields)
    .filter((option) => started[option] !== given[option] && started[option] !== undefined)
    .map((option) => ({ option, started: shown(started[option]), given: shown(given[option]) }))
