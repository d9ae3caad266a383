import { Context, DateTime, Effect, Option, type Scope } from "effect"
import { LeaseHeld, type LeaseHolder, type LeaseLost } from "../domain/Lease.ts"
import type { CheckpointError } from "../domain/ReplayError.ts"
import type { Lease } from "./LeaseKeeper.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"

/** A run that this process alone works on, until the scope it was acquired in closes. */
export interface RunLease extends Lease {
  /** Ends the lease and leaves no trace of it, for when the run has been removed. */
  readonly discard: Effect.Effect<void, LeaseLost | CheckpointError>
}

/**
 * What a store of runs can do beyond keeping values: keep other processes off a run, and say where things are.
 * `CheckpointFiles` and `CheckpointSql` provide it with their `KeyValueStore`. Without it, runs are kept apart within
 * one layer only.
 */
export class RunStore extends Context.Service<
  RunStore,
  {
    /** Where the value of a key is, for people. */
    readonly placeOf: (key: string) => string
    /** Holds a run until the scope closes. The death of its owner frees it: see `ProcessIdentity`. */
    readonly acquire: (runId: string) => Effect.Effect<RunLease, LeaseHeld | CheckpointError, Scope.Scope>
    /** Who holds a run. */
    readonly holder: (runId: string) => Effect.Effect<Option.Option<LeaseHolder>, CheckpointError>
  }
>()("effect-cxone-eventbridge/services/RunStore") {
  /** Keeps runs apart among those who share it. */
  static readonly makeMemory = Effect.map(ProcessIdentity, ({ self: { host, pid } }) => {
    const held = new Map<string, LeaseHolder>()
    const take = (runId: string) =>
      Effect.flatMap(DateTime.now, (now) => {
        const holder = held.get(runId)
        if (holder !== undefined) return Effect.fail(new LeaseHeld({ resource: `run ${runId}`, holder }))
        held.set(runId, { host, pid, since: DateTime.formatIso(now) })
        return Effect.succeed({ lost: Effect.never, check: Effect.void, discard: Effect.void } satisfies RunLease)
      })
    return RunStore.of({
      placeOf: (key) => `key "${key}" of the KeyValueStore`,
      acquire: (runId) => Effect.acquireRelease(take(runId), () => Effect.sync(() => held.delete(runId))),
      holder: (runId) => Effect.sync(() => Option.fromUndefinedOr(held.get(runId)))
    })
  })
}
