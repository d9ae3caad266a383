import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { describe } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { CheckpointFiles, Checkpoints } from "../../src/index.ts"
import { layerIdentity } from "./support/Processes.ts"
import { storeSuite } from "./support/StoreSuite.ts"

const node = Layer.merge(NodeFileSystem.layer, NodePath.layer)

const store = Effect.gen(function* () {
  const folder = yield* Effect.orDie((yield* FileSystem.FileSystem).makeTempDirectoryScoped({ prefix: "runs-" }))
  const dead = new Set<number>()
  return {
    dead,
    open: (process: { readonly pid: number }) =>
      Layer.build(
        Layer.fresh(
          Checkpoints.layer.pipe(
            Layer.provideMerge(CheckpointFiles.layer(`${folder}/state/checkpoints`)),
            Layer.provide(layerIdentity(process, dead)),
            Layer.provide(node)
          )
        )
      ).pipe(Effect.map(Layer.succeedContext), Effect.orDie)
  }
}).pipe(Effect.provide(node))

describe("runs in files", () => {
  storeSuite(store, { isShared: true })
})
