// Where a program keeps what must outlive it: checkpoints and the audit, in a folder or nowhere.
import { Effect, FileSystem, Layer, Option, Path, type PlatformError, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Audit, CheckpointFiles, Checkpoints } from "../../src/index.ts"
import * as SystemProblem from "./SystemProblem.ts"

export class StateUnusable extends Schema.TaggedError<StateUnusable>()("StateUnusable", { problem: Schema.String }) {
  readonly hint = "Name a folder that can be written to."
  override get message(): string {
    return `--state cannot be used: ${this.problem}`
  }
}

export class NoRuns extends Schema.TaggedError<NoRuns>()("NoRuns", { folder: Schema.String }) {
  readonly hint = "Name the folder that was given as --state when they were started."
  override get message(): string {
    return `"${this.folder}" holds no runs`
  }
}

const checkpointsIn = Effect.map(Path.Path, (path) => (folder: string) => path.join(folder, "checkpoints"))

const unusable = (error: PlatformError.PlatformError) => new StateUnusable({ problem: SystemProblem.withPath(error) })

const files = (checkpoints: string) =>
  Layer.catchTag(CheckpointFiles.layer(checkpoints), "PlatformError", (error) =>
    Layer.effectContext(Effect.fail(unusable(error)))
  )

/** The runs that are kept in a folder, which is there. */
export const runs = (folder: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const checkpoints = (yield* checkpointsIn)(folder)
      const fs = yield* FileSystem.FileSystem
      if (!(yield* Effect.mapError(fs.exists(checkpoints), unusable))) return yield* new NoRuns({ folder })
      return Layer.provide(Checkpoints.layer, files(checkpoints))
    })
  )

/** One folder after the other: for all at once, Node reports a read-only file system as a missing file. */
const makeFolder: (
  folder: string
) => Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function* (folder) {
    const fs = yield* FileSystem.FileSystem
    const parent = (yield* Path.Path).dirname(folder)
    const isThere = Effect.map(fs.stat(folder), ({ type }) => type === "Directory")
    yield* fs.makeDirectory(folder).pipe(
      Effect.catchIf(
        ({ reason }) => reason._tag === "NotFound" && parent !== folder,
        () => Effect.andThen(makeFolder(parent), fs.makeDirectory(folder))
      ),
      Effect.catch((error) =>
        Effect.flatMap(
          Effect.orElseSucceed(isThere, () => false),
          (isFolder) => (isFolder ? Effect.void : Effect.fail(error))
        )
      )
    )
  }
)

type Kept = Audit | KeyValueStore.KeyValueStore

export const layer = (state: Option.Option<string>) =>
  Option.match(state, {
    onNone: (): Layer.Layer<Kept> => Layer.merge(KeyValueStore.layerMemory, Audit.layerMemory),
    onSome: (folder) =>
      Layer.unwrap(
        Effect.gen(function* () {
          const path = yield* Path.Path
          const checkpoints = (yield* checkpointsIn)(folder)
          yield* Effect.mapError(Effect.andThen(makeFolder(folder), makeFolder(checkpoints)), unusable)
          return Layer.merge(files(checkpoints), Audit.layerFile(path.join(folder, "audit.jsonl")))
        })
      )
  })
