// Where a program keeps what must outlive it: checkpoints and the audit, in a folder or nowhere.
import { Effect, FileSystem, Layer, Option, Path } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Audit, CheckpointFiles } from "../../src/index.ts"

export const layer = (state: Option.Option<string>) =>
  Option.match(state, {
    onNone: () => Layer.merge(KeyValueStore.layerMemory, Audit.layerMemory),
    onSome: (folder) =>
      Layer.unwrap(
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          yield* fs.makeDirectory(folder, { recursive: true })
          return Layer.merge(
            CheckpointFiles.layer(path.join(folder, "checkpoints")),
            Audit.layerFile(path.join(folder, "audit.jsonl"))
          )
        })
      )
  })
