import { Clock, Effect } from "effect"
import * as AuditRecord from "../domain/AuditRecord.ts"
import { FailureShare } from "../domain/FailureShare.ts"
import type { LeaseLost } from "../domain/Lease.ts"
import { type AuditError, type CheckpointError, type HaltCause, TooManyHeldKeys } from "../domain/ReplayError.ts"
import type { ReplayOutcome } from "../domain/ReplayOutcome.ts"
import type { RunOptions } from "../domain/RunCheckpoint.ts"
import { Audit } from "../services/Audit.ts"
import { Metrics } from "../services/Metrics.ts"
import type { Notifications } from "../services/Notifier.ts"
import type { Backlog, QueuedLetter } from "./Backlog.ts"
import type { CheckpointWriter } from "./CheckpointWriter.ts"
import type { OpenPage, PageLedger } from "./PageLedger.ts"
import type { RunWatch } from "./RunWatch.ts"

/** A letter whose outcome is known, and not recorded yet. */
export interface Processed {
  readonly letter: QueuedLetter
  readonly outcome: ReplayOutcome
}

/** Settles a group of letters; returns why the run must halt after these, if it must. */
export type Settle = (
  group: ReadonlyArray<Processed>
) => Effect.Effect<HaltCause | undefined, AuditError | CheckpointError | LeaseLost>

/** A checkpoint holds them all, and is written every few pages. */
const maxHeldKeys = 10_000

/**
 * Records outcomes, and only then lets them count: in the report, for their pages, and for the keys that wait for them.
 * Returns why the run must halt after these, if it must. If a group cannot be recorded, nothing of it counts.
 */
export const make = Effect.fnUntraced(function* (run: {
  readonly runId: string
  readonly options: RunOptions
  readonly maxFailureShare: number
  readonly ledger: PageLedger
  readonly backlog: Backlog
  readonly checkpoint: CheckpointWriter
  readonly notifications: Notifications
  readonly watch: RunWatch
}) {
  const { backlog, checkpoint, ledger, notifications, options, runId, watch } = run
  const audit = yield* Audit
  const clock = yield* Clock.Clock
  const metrics = yield* Metrics
  const failures = new FailureShare(run.maxFailureShare)
  const holdsBack = options.orderOnFailure === "hold"
  let heldKeys = 0

  const hold = (): HaltCause | undefined =>
    ++heldKeys >= maxHeldKeys ? new TooManyHeldKeys({ keys: heldKeys }) : undefined

  return Effect.fnUntraced(function* (
    group: ReadonlyArray<Processed>
  ): Effect.fn.Return<HaltCause | undefined, AuditError | CheckpointError | LeaseLost> {
    const about = {
      runId,
      topicId: options.topicId,
      destination: options.destination ?? undefined,
      timestamp: new Date(clock.currentTimeMillisUnsafe()).toISOString()
    }
    const outcomes = group.map(({ outcome }) => outcome)
    const records = outcomes.map((outcome) => AuditRecord.fromOutcome(outcome, about))
    yield* audit.record(records)
    yield* notifications.notify(records.filter((_, index) => outcomes[index]?._tag !== "Skipped"))
    yield* metrics.letters(outcomes)
    const settled: Array<OpenPage> = []
    let halt: HaltCause | undefined
    for (const { letter, outcome } of group) {
      const heldKey = holdsBack && "error" in outcome ? letter.key : undefined
      settled.push(...ledger.add(letter.page, outcome, heldKey))
      backlog.finish(letter, heldKey !== undefined)
      halt ??= failures.add(outcome) ?? (heldKey === undefined ? undefined : hold())
    }
    if (settled.length > 0) {
      yield* watch.settled(settled)
      // While there are pages to come, the checkpoint before them saves these as well; until then it may be a second old.
      yield* backlog.isComplete ? checkpoint.save : checkpoint.saveStale
    }
    return halt
  })
})
