// The library's file audit under fibers that each wait for their record to be kept.
import { Effect, FileSystem, Layer } from "effect"
import { Audit } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import * as Recording from "./Recording.ts"
import * as Subject from "./Subject.ts"

const writers = 64

let syncs = 0

const counted = (file: FileSystem.File): FileSystem.File =>
  Object.create(file, {
    sync: {
      get: () =>
        Effect.andThen(
          Effect.sync(() => syncs++),
          file.sync
        )
    }
  })

/** The file system as it is, which counts how often a file is brought to disk. */
const countingFiles = Layer.effect(
  FileSystem.FileSystem,
  Effect.map(FileSystem.FileSystem, (fs) => ({
    ...fs,
    open: (path: string, options?: Parameters<FileSystem.FileSystem["open"]>[1]) =>
      Effect.map(fs.open(path, options), counted)
  }))
)

const record = Effect.fnUntraced(function* (count: number) {
  const audit = yield* Audit
  const records = Recording.make(count)
  let next = 0
  const writer = Effect.whileLoop({
    while: () => next < count,
    body: () =>
      Effect.suspend(() => {
        const one = records[next++]
        return one === undefined ? Effect.void : audit.record([one])
      }),
    step: () => {}
  })
  const all = Effect.all(
    Array.from({ length: writers }, () => writer),
    { concurrency: "unbounded", discard: true }
  )
  const context = yield* Effect.context()
  return yield* Effect.promise(() => Subject.measure(count, () => Effect.runPromiseWith(context)(all)))
})

const program = Effect.gen(function* () {
  yield* record(Recording.warmUp)
  syncs = 0
  Subject.answer(yield* record(Recording.records), { "records/sync": syncs === 0 ? 0 : Recording.records / syncs })
})

const durability = Recording.isSynced ? "always" : "never"
const live = Audit.layerFile(Recording.path, { durability }).pipe(
  Layer.provide(countingFiles),
  Layer.provide(NodeEventBridge.layer)
)
await Effect.runPromise(Effect.provide(program, live))
