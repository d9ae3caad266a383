import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Option } from "effect"
import { KeyValueStore } from "effect/persistence"
import { CheckpointFiles, Checkpoints } from "../../src/index.ts"
import { layerIdentity, type Named } from "./support/Processes.ts"
import { checkpoint } from "./support/Runs.ts"
import { storeSuite } from "./support/StoreSuite.ts"
import { within } from "./support/WorkingDirectory.ts"

const node = Layer.merge(NodeFileSystem.layer, NodePath.layer)

const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped({ prefix: "runs-" }))

const open = (folder: string, process: Named, dead?: ReadonlySet<number>) =>
  Layer.build(
    Layer.fresh(
      Checkpoints.layer.pipe(
        Layer.provideMerge(CheckpointFiles.layer(`${folder}/state/checkpoints`)),
        Layer.provide(layerIdentity(process, dead)),
        Layer.provide(node)
      )
    )
  ).pipe(Effect.map(Layer.succeedContext))

const store = Effect.map(temporary, (folder) => {
  const dead = new Set<number>()
  return { dead, open: (process: Named) => open(folder, process, dead) }
}).pipe(Effect.provide(node))

describe("runs in files", () => {
  storeSuite(store, { isShared: true })

  it.live("are a file each, and leave none", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* temporary
      const files = fs.readDirectory(`${folder}/state/checkpoints`, { recursive: true })
      yield* Effect.gen(function* () {
        const { acquire, remove, save } = yield* Checkpoints
        yield* Effect.scoped(Effect.andThen(acquire(checkpoint.runId), save(checkpoint)))
        const kept = "replay-run%3Arun%2F1%20%C3%BC"
        const lease = "+leases/run%2F1%20%C3%BC.lease"
        assert.deepStrictEqual((yield* files).toSorted(), ["+leases", lease, `${lease}/1.released`, kept])
        yield* remove(checkpoint.runId)
        assert.deepStrictEqual(yield* files, ["+leases"])
      }).pipe(Effect.provide(yield* open(folder, { pid: 1 })))
    }).pipe(Effect.provide(node))
  )

  it.live("stay where they are when the process changes to a folder that has one of the same name", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const here = yield* temporary
      const elsewhere = yield* temporary
      yield* fs.makeDirectory(`${elsewhere}/checkpoints/+leases`, { recursive: true })
      const { acquire, load, save } = yield* Effect.map(
        within(here, Layer.build(Layer.fresh(Layer.provide(Checkpoints.layer, CheckpointFiles.layer("checkpoints"))))),
        Context.get(Checkpoints)
      )
      yield* within(elsewhere, Effect.scoped(Effect.andThen(acquire(checkpoint.runId), save(checkpoint))))
      assert.deepStrictEqual(yield* fs.readDirectory(`${elsewhere}/checkpoints`, { recursive: true }), ["+leases"])
      assert.isTrue(Option.isSome(yield* load(checkpoint.runId)))
    }).pipe(Effect.provide(node))
  )

  it.live("are distinguished from what else is in the folder", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* temporary
      yield* Effect.gen(function* () {
        const { list, save } = yield* Checkpoints
        yield* save(checkpoint)
        for (const name of ["100%", ".DS_Store", "replay-run%3Ax+draft-1", "replay-run:y"]) {
          yield* fs.writeFileString(`${folder}/state/checkpoints/${name}`, "{")
        }
        const values = yield* KeyValueStore.KeyValueStore
        assert.deepStrictEqual((yield* values.keys).toSorted(), [".DS_Store", "replay-run:run/1 ü"])
        assert.deepStrictEqual(
          (yield* list).map(({ runId }) => runId),
          [checkpoint.runId]
        )
      }).pipe(Effect.provide(yield* open(folder, { pid: 1 })))
    }).pipe(Effect.provide(node))
  )

  it.live("an id as long as a file name can be is saved again and again", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* Effect.gen(function* () {
        const { load, save } = yield* Checkpoints
        const long = { ...checkpoint, runId: "r".repeat(255 - "replay-run%3A".length) }
        for (let pages = 1; pages <= 12; pages++) yield* save({ ...long, settledPages: pages })
        assert.deepStrictEqual(yield* load(long.runId), Option.some({ ...long, settledPages: 12 }))
      }).pipe(Effect.provide(yield* open(folder, { pid: 1 })))
    }).pipe(Effect.provide(node))
  )

  it.live("a folder that cannot be written is reported when the layer is built", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* temporary
      yield* fs.writeFileString(`${folder}/file`, "")
      const layer = Layer.provide(CheckpointFiles.layer(`${folder}/file/checkpoints`), node)
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.fresh(layer))))
      assert.include(error.message, `${folder}/file/checkpoints`)
    }).pipe(Effect.provide(node))
  )

  it.live("a name too long for the disk is an error that says so", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const layer = yield* open(folder, { pid: 1 })
      const runId = "x".repeat(300)
      const error = yield* Effect.flip(
        Effect.provide(
          Effect.flatMap(Checkpoints, (runs) => runs.acquire(runId)),
          layer
        )
      )
      assert.include(error.message, "ENAMETOOLONG")
    }).pipe(Effect.provide(node))
  )
})
