import { Context, Effect, Layer, type Option } from "effect"
import { KeyValueStore } from "effect/persistence"
import { CheckpointError } from "../domain/ReplayError.ts"
import { RunCheckpoint } from "../domain/RunCheckpoint.ts"

/** How far each run has come, kept in a `KeyValueStore`. */
export class Checkpoints extends Context.Service<
  Checkpoints,
  {
    readonly load: (runId: string) => Effect.Effect<Option.Option<RunCheckpoint>, CheckpointError>
    readonly save: (checkpoint: RunCheckpoint) => Effect.Effect<void, CheckpointError>
  }
>()("effect-cxone-eventbridge/services/Checkpoints") {
  static readonly make = Effect.gen(function* () {
    const store = KeyValueStore.toSchemaStore(
      KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, "replay-run:"),
      RunCheckpoint
    )
    const failed = (runId: string) => (error: { readonly message: string }) =>
      new CheckpointError({ runId, detail: error.message })
    return Checkpoints.of({
      load: (runId) => Effect.mapError(store.get(runId), failed(runId)),
      save: (checkpoint) => Effect.mapError(store.set(checkpoint.runId, checkpoint), failed(checkpoint.runId))
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
