// Where a program keeps what must outlive it: checkpoints and the audit, in a folder or nowhere.
import { Effect, FileSystem, Layer, Option, Path, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Audit, CheckpointFiles, Checkpoints } from "../../src/index.ts"

export class StateUnusable extends Schema.TaggedError<StateUnusable>()("StateUnusable", {
  folder: Schema.String,
  problem: Schema.String
}) {
  readonly hint = "Name a folder that can be written to."
  override get message(): string {
    return `--state "${this.folder}" cannot be used: ${this.problem}`
  }
}

export class NoRuns extends Schema.TaggedError<NoRuns>()("NoRuns", { folder: Schema.String }) {
  readonly hint = "Name the folder that was given as --state when they were started."
  override get message(): string {
    return `"${this.folder}" holds no runs`
  }
}

const checkpointsIn = Effect.map(Path.Path, (path) => (folder: string) => path.join(folder, "checkpoints"))

/** The runs that are kept in a folder, which is there. */
export const runs = (folder: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const checkpoints = (yield* checkpointsIn)(folder)
      if (!(yield* (yield* FileSystem.FileSystem).exists(checkpoints))) {
        return yield* new NoRuns({ folder })
      }
      return Layer.provide(Checkpoints.layer, CheckpointFiles.layer(checkpoints))
    })
  )

type Kept = Audit | KeyValueStore.KeyValueStore

export const layer = (state: Option.Option<string>) =>
  Option.match(state, {
    onNone: (): Layer.Layer<Kept> => Layer.merge(KeyValueStore.layerMemory, Audit.layerMemory),
    onSome: (folder) =>
      Layer.unwrap(
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          yield* Effect.mapError(
            fs.makeDirectory(folder, { recursive: true }),
            ({ reason }) => new StateUnusable({ folder, problem: reason._tag })
          )
          return Layer.merge(
            CheckpointFiles.layer((yield* checkpointsIn)(folder)),
            Audit.layerFile(path.join(folder, "audit.jsonl"))
          )
        })
      )
  })
