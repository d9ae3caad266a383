import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { KeyValueStore } from "effect/persistence"
import { CheckpointError, Checkpoints, type RunCheckpoint } from "../../src/index.ts"

const checkpoint: RunCheckpoint = {
  version: 1,
  runId: "run/1 ü",
  options: {
    topicId: "t",
    pageSize: 50,
    maxAttempts: 5,
    destination: null,
    failureReason: null,
    limit: null,
    orderBy: false,
    orderOnFailure: "hold"
  },
  initiatedAt: "2024-05-11T09:15:22.103Z",
  settledPages: 2,
  startedLetters: 4,
  heldKeys: [],
  pageToken: "eyJwYWdlIjoyfQ==",
  tally: {
    outcomes: { accepted: 90, duplicate: 4, skipped: 3, rejected: 2, exhausted: 1 },
    selected: 100,
    unreadableReceipts: 1,
    byClassification: { DUPLICATE_DETECTED: 4, SCHEMA_VIOLATION: 2, MAX_RETRIES_EXCEEDED: 1 },
    bySkipReason: { PAYLOAD_MISSING: 3 },
    byFailureReason: { "HTTP 502 Bad Gateway": 99, __proto__: 1 },
    latencies: [
      [348, 60],
      [350, 37]
    ]
  },
  elapsedMillis: 1234.5,
  report: null
}

const report = {
  runId: "run/1 ü",
  topicId: "t",
  status: "completed",
  initiatedAt: checkpoint.initiatedAt,
  letters: 100,
  success: 90,
  failed: 3,
  skipped: 7,
  outcomes: checkpoint.tally.outcomes,
  byClassification: checkpoint.tally.byClassification,
  bySkipReason: checkpoint.tally.bySkipReason,
  byFailureReason: { "HTTP 502 Bad Gateway": 100 },
  unreadableReceipts: 1,
  latencyMs: { p50: 100, p95: 101, p99: 102 },
  seconds: 1.2,
  auditHead: null,
  notifications: { delivered: 97, failed: 0, dropped: 0 },
  stopped: { pages: 2 }
} as const

const save = (next: RunCheckpoint = checkpoint) => Effect.flatMap(Checkpoints, (store) => store.save(next))
const load = (runId: string = checkpoint.runId) => Effect.flatMap(Checkpoints, (store) => store.load(runId))

const withStore = Effect.provide(Layer.provideMerge(Checkpoints.layer, KeyValueStore.layerMemory))

const failing = KeyValueStore.makeStringOnly({
  get: () => Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "get", message: "the store is gone" })),
  set: () => Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "set", message: "the store is full" })),
  remove: () => Effect.void,
  clear: Effect.void,
  size: Effect.succeed(0),
  keys: Effect.succeed([])
})

describe("Checkpoints", () => {
  it.effect("what was saved is loaded, member for member", () =>
    Effect.gen(function* () {
      yield* save()
      assert.deepStrictEqual(yield* load(), Option.some(checkpoint))
      const done = { ...checkpoint, pageToken: null, report }
      yield* save(done)
      assert.deepStrictEqual(yield* load(), Option.some(done))
    }).pipe(withStore)
  )

  it.effect("a run that was never saved has none", () =>
    Effect.gen(function* () {
      yield* save()
      assert.deepStrictEqual(yield* load("another"), Option.none())
    }).pipe(withStore)
  )

  it.effect("runs are kept apart, and from what else is in the store", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      yield* store.set("run-1", "mine")
      yield* save({ ...checkpoint, runId: "run-1" })
      yield* save({ ...checkpoint, runId: "run-2", settledPages: 3 })
      assert.deepInclude(Option.getOrThrow(yield* load("run-1")), { runId: "run-1", settledPages: 2 })
      assert.deepInclude(Option.getOrThrow(yield* load("run-2")), { runId: "run-2", settledPages: 3 })
      assert.strictEqual(yield* store.get("run-1"), "mine")
    }).pipe(withStore)
  )

  it.effect.each([
    '{"version":1',
    "",
    "null",
    '{"version":2,"runId":"run/1 ü"}',
    JSON.stringify({ ...checkpoint, tally: 1 })
  ])("what cannot be read is an error that names the run: %s", (content) =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      yield* store.set(`replay-run:${checkpoint.runId}`, content)
      const error = yield* Effect.flip(load())
      assert.instanceOf(error, CheckpointError)
      assert.strictEqual(error.runId, checkpoint.runId)
      assert.include(error.message, "the checkpoint of run run/1 ü could not be used: ")
      assert.isAbove(error.detail.length, 0)
    }).pipe(withStore)
  )

  it.effect("a store that fails is an error that names the run", () =>
    Effect.gen(function* () {
      assert.include((yield* Effect.flip(save())).message, "run run/1 ü could not be used: the store is full")
      assert.include((yield* Effect.flip(load())).message, "run run/1 ü could not be used: the store is gone")
    }).pipe(Effect.provide(Layer.provide(Checkpoints.layer, Layer.succeed(KeyValueStore.KeyValueStore, failing))))
  )

  it.effect("in memory", () =>
    Effect.gen(function* () {
      yield* save()
      assert.deepStrictEqual(yield* load(), Option.some(checkpoint))
    }).pipe(Effect.provide(Checkpoints.layerMemory))
  )
})
