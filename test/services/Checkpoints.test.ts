import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Checkpoints } from "../../src/index.ts"
import { checkpoint } from "./support/Runs.ts"
import { storeSuite } from "./support/StoreSuite.ts"

const memory = Effect.map(
  Layer.build(Layer.provideMerge(Checkpoints.layer, Layer.fresh(KeyValueStore.layerMemory))),
  (services) => ({ dead: new Set<number>(), open: () => Effect.succeed(Layer.succeedContext(services)) })
)

const gone = (method: string, message: string) =>
  Effect.fail(new KeyValueStore.KeyValueStoreError({ method, message, cause: new Error("no route to host") }))

const failing = KeyValueStore.makeStringOnly({
  get: () => gone("get", "the store is gone"),
  set: () => gone("set", "the store is full"),
  remove: () => gone("remove", "the store is read-only"),
  clear: Effect.void,
  size: Effect.succeed(0),
  keys: gone("keys", "the store is locked"),
  has: () => Effect.succeed(true)
})

describe("Checkpoints", () => {
  storeSuite(memory, { isShared: false })

  it.effect("a store that fails is an error that names the run, the place and the cause", () =>
    Effect.gen(function* () {
      const { list, load, remove, save } = yield* Checkpoints
      const of = (detail: string) =>
        `the checkpoint of run run/1 ü (key "replay-run:run/1 ü" of the KeyValueStore) could not be used: ${detail}: no route to host`
      assert.strictEqual((yield* Effect.flip(save(checkpoint))).message, of("the store is full"))
      assert.strictEqual((yield* Effect.flip(load(checkpoint.runId))).message, of("the store is gone"))
      assert.strictEqual((yield* Effect.flip(remove(checkpoint.runId))).message, of("the store is read-only"))
      const error = yield* Effect.flip(list)
      assert.strictEqual(error.message, "the checkpoints could not be used: the store is locked: no route to host")
      assert.strictEqual(error.hint, "Check the store that holds the checkpoints.")
    }).pipe(Effect.provide(Layer.provide(Checkpoints.layer, Layer.succeed(KeyValueStore.KeyValueStore, failing))))
  )

  it.effect("one that the store refuses is listed beside the others", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      const { save } = yield* Checkpoints
      yield* save(checkpoint)
      yield* store.set("replay-run:of-root", "{}")
      const get = (key: string) => (key.endsWith("of-root") ? gone("get", "permission denied") : store.get(key))
      const refusing = KeyValueStore.KeyValueStore.of({ ...store, get })
      const { list } = yield* Effect.provideService(Checkpoints.make, KeyValueStore.KeyValueStore, refusing)
      const [readable, refused] = yield* list
      assert.deepInclude(readable, { runId: checkpoint.runId, state: "cut-off" })
      assert.deepInclude(refused, { runId: "of-root", state: "unreadable" })
      assert.include(refused?.why, "permission denied")
    }).pipe(Effect.provide(Layer.provideMerge(Checkpoints.layer, KeyValueStore.layerMemory)))
  )

  it.effect("one under another run's key is not mistaken for that run's", () =>
    Effect.gen(function* () {
      const { list, load, save } = yield* Checkpoints
      yield* save(checkpoint)
      const store = yield* KeyValueStore.KeyValueStore
      yield* store.set("replay-run:copy", (yield* store.get(`replay-run:${checkpoint.runId}`)) ?? "")
      const error = yield* Effect.flip(load("copy"))
      assert.include(error.message, `it is the checkpoint of another run, ${checkpoint.runId}`)
      assert.sameMembers(
        (yield* list).map(({ runId, state }) => `${runId} ${state}`),
        [`${checkpoint.runId} cut-off`, "copy unreadable"]
      )
    }).pipe(Effect.provide(Layer.provideMerge(Checkpoints.layer, KeyValueStore.layerMemory)))
  )

  it.effect("in memory", () =>
    Effect.gen(function* () {
      const { load, save } = yield* Checkpoints
      yield* save(checkpoint)
      assert.deepStrictEqual(yield* load(checkpoint.runId), Option.some(checkpoint))
    }).pipe(Effect.provide(Checkpoints.layerMemory))
  )
})
