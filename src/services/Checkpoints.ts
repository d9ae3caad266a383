import { Context, Effect, Layer, Option, type Schema, type Scope } from "effect"
import { KeyValueStore } from "effect/persistence"
import { causesOf } from "../domain/Causes.ts"
import { LeaseLost } from "../domain/Lease.ts"
import { CheckpointError, RunInProgress } from "../domain/ReplayError.ts"
import { RunCheckpoint } from "../domain/RunCheckpoint.ts"
import { type StoredRun, summarize } from "../domain/RunSummary.ts"
import type { Lease } from "./LeaseKeeper.ts"
import { RunStore } from "./RunStore.ts"

/** How far each run has come, kept in a `KeyValueStore`, and which process works on it. */
export class Checkpoints extends Context.Service<
  Checkpoints,
  {
    /**
     * Keeps other processes off the run until the scope closes: before its checkpoint is loaded, and while it is saved. See
     * `RunStore` for how far that reaches.
     */
    readonly acquire: (runId: string) => Effect.Effect<Lease, RunInProgress | CheckpointError, Scope.Scope>
    readonly load: (runId: string) => Effect.Effect<Option.Option<RunCheckpoint>, CheckpointError>
    readonly save: (checkpoint: RunCheckpoint) => Effect.Effect<void, CheckpointError>
    /** Every run the store holds, by start time; those that cannot be read last. */
    readonly list: Effect.Effect<ReadonlyArray<StoredRun>, CheckpointError>
    /** Removes what is kept of a run, even if it cannot be read. Returns whether there was anything. */
    readonly remove: (runId: string) => Effect.Effect<boolean, RunInProgress | CheckpointError | LeaseLost>
  }
>()("effect-cxone-eventbridge/services/Checkpoints") {
  static readonly make = Effect.gen(function* () {
    const values = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, prefix)
    const store = KeyValueStore.toSchemaStore(values, RunCheckpoint)
    const runs = yield* Effect.flatMap(
      Effect.serviceOption(RunStore),
      Option.match({ onNone: () => RunStore.makeMemory, onSome: Effect.succeed })
    )

    const errorOf = (runId: string, detail: string, isUnreadable: boolean) =>
      new CheckpointError({ runId, place: runs.placeOf(`${prefix}${runId}`), detail, isUnreadable })
    const failed = (runId: string) => (error: KeyValueStore.KeyValueStoreError | Schema.SchemaError) =>
      errorOf(runId, causesOf(error), error._tag === "SchemaError")

    const acquire = Effect.fnUntraced(
      function* (runId: string) {
        const lease = yield* runs.acquire(runId)
        const named = Effect.mapError(({ detail }: LeaseLost) => new LeaseLost({ resource: `run ${runId}`, detail }))
        return { ...lease, lost: named(lease.lost), check: named(lease.check) }
      },
      (effect, runId) =>
        Effect.catchTag(effect, "LeaseHeld", ({ holder }) => Effect.fail(new RunInProgress({ runId, holder })))
    )

    const load = (runId: string) =>
      Effect.flatMap(Effect.mapError(store.get(runId), failed(runId)), (found) =>
        // A file copied or renamed by hand, or two ids that a file system does not tell apart.
        Option.isSome(found) && found.value.runId !== runId
          ? Effect.fail(errorOf(runId, `it is the checkpoint of another run, ${found.value.runId}`, true))
          : Effect.succeed(found)
      )

    const summaryOf = (runId: string): Effect.Effect<Option.Option<StoredRun>> =>
      Effect.gen(function* () {
        // The holder is looked up first: a run that ends in between is then reported as completed.
        const holder = Option.getOrNull(yield* runs.holder(runId))
        return Option.map(yield* load(runId), (checkpoint): StoredRun => summarize(checkpoint, holder))
      }).pipe(
        // Also if the store refuses only this one, for example another user's file: it must not hide the others.
        Effect.catch(({ hint, message }) =>
          Effect.succeedSome<StoredRun>({ runId, state: "unreadable", why: message, hint })
        )
      )

    return Checkpoints.of({
      acquire,
      load,
      // A checkpoint is its own encoding. It is written often, so it is not encoded and checked once more.
      save: (checkpoint) =>
        Effect.mapError(values.set(checkpoint.runId, JSON.stringify(checkpoint)), failed(checkpoint.runId)),
      list: Effect.mapError(store.keys, (error) => new CheckpointError({ runId: null, detail: causesOf(error) })).pipe(
        Effect.flatMap((runIds) => Effect.forEach(runIds, summaryOf, { concurrency: 8 })),
        Effect.map((found) => found.flatMap(Option.toArray).toSorted(byStart)),
        Effect.withSpan("Checkpoints.list")
      ),
      remove: Effect.fn("Checkpoints.remove")(function* (runId) {
        if (!(yield* Effect.mapError(store.has(runId), failed(runId)))) return false
        const { discard } = yield* acquire(runId)
        yield* Effect.mapError(store.remove(runId), failed(runId))
        yield* discard
        return true
      }, Effect.scoped)
    })
  })

  /** Where the application's `KeyValueStore` keeps it: memory, files, SQL. */
  static readonly layer: Layer.Layer<Checkpoints, never, KeyValueStore.KeyValueStore> = Layer.effect(
    Checkpoints,
    Checkpoints.make
  )

  /** In memory: a run can be resumed within the process only. */
  static readonly layerMemory: Layer.Layer<Checkpoints> = Checkpoints.layer.pipe(
    Layer.provide(KeyValueStore.layerMemory)
  )
}

const prefix = "replay-run:"

const startOf = (run: StoredRun): string => (run.state === "unreadable" ? "~" : run.startedAt)
const byStart = (a: StoredRun, b: StoredRun): number => (startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : 0)
