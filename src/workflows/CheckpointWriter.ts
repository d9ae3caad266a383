import { Clock, Effect } from "effect"
import { CheckpointError } from "../domain/ReplayError.ts"
import type { LeaseLost } from "../domain/Lease.ts"
import type { ReplayReport } from "../domain/ReplayReport.ts"
import type { RunCheckpoint } from "../domain/RunCheckpoint.ts"
import * as Batch from "../services/Batch.ts"
import { Checkpoints } from "../services/Checkpoints.ts"
import type { Lease } from "../services/LeaseKeeper.ts"
import type { PageLedger } from "./PageLedger.ts"

/** What is kept beside the position. */
export interface RunStatus {
  readonly elapsedMillis: number
  /** Why the run has stopped; `null` while it runs. */
  readonly halted: string | null
}

/** Saves how far a run has come, as of the moment of writing. */
export interface CheckpointWriter {
  readonly save: Effect.Effect<void, CheckpointError | LeaseLost>
  /** Saves only if the last checkpoint is at least a second old. */
  readonly saveStale: Effect.Effect<void, CheckpointError | LeaseLost>
  /** Saves the last checkpoint of a completed run. */
  readonly complete: (report: ReplayReport) => Effect.Effect<void, CheckpointError | LeaseLost>
}

/** Letters settled since the last checkpoint are tried again after a crash. */
const staleNanos = 1_000_000_000n

/** Checkpoints are written one at a time, so that an earlier position never overwrites a later one. */
export const make = Effect.fnUntraced(function* (options: {
  readonly origin: RunCheckpoint
  readonly lease: Lease
  readonly ledger: PageLedger
  readonly status: () => RunStatus
}) {
  const { lease, ledger, origin, status } = options
  const checkpoints = yield* Checkpoints
  const clock = yield* Clock.Clock
  let { lastSettledAt } = origin
  let keptPages = origin.settledPages
  let savedAt = clock.monotonicTimeNanosUnsafe()

  const write = (report: ReplayReport | null) =>
    // Another process may have taken the run over, and would resume from what is saved.
    Effect.flatMap(lease.check, () => {
      const { pageToken, settledPages, startedLetters } = ledger.position
      if (settledPages > keptPages) lastSettledAt = new Date(clock.currentTimeMillisUnsafe()).toISOString()
      keptPages = settledPages
      savedAt = clock.monotonicTimeNanosUnsafe()
      return checkpoints.save({
        ...origin,
        ...status(),
        settledPages,
        startedLetters,
        pageToken: pageToken ?? null,
        lastSettledAt,
        tally: ledger.settled.snapshot(),
        heldKeys: ledger.heldKeys,
        report
      })
    })
  const batch = yield* Batch.make<ReplayReport | null, CheckpointError | LeaseLost>(
    // Once a report is to be saved, it is saved even if a plain position was requested after it.
    (asked) => write(asked.findLast((report) => report !== null) ?? null),
    new CheckpointError({ runId: origin.runId, detail: "the run has ended in this process" })
  )

  const save = batch.submit([null])

  return {
    save,
    saveStale: Effect.suspend(() => (clock.monotonicTimeNanosUnsafe() - savedAt < staleNanos ? Effect.void : save)),
    complete: (report) => batch.submit([report])
  } satisfies CheckpointWriter
})
