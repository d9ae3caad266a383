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

/** Keeps where a run stands, as it is by the time it is written. */
export interface CheckpointWriter {
  readonly save: Effect.Effect<void, CheckpointError | LeaseLost>
  /** Only when the last one is a second old, or older. */
  readonly saveStale: Effect.Effect<void, CheckpointError | LeaseLost>
  /** The last one of a run that is complete. */
  readonly complete: (report: ReplayReport) => Effect.Effect<void, CheckpointError | LeaseLost>
}

/** What has settled since is tried again after a crash. */
const staleNanos = 1_000_000_000n

/** One checkpoint is written at a time: a later position never gives way to an earlier one. */
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
    // Another process may have taken the run over, and resume from what is kept.
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
    // The last word on a run is its report, whoever asked for a mere position after it.
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
