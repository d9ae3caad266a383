import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ReplayTally } from "../../src/domain/ReplayTally.ts"
import { Checkpoints } from "../../src/index.ts"
import * as CheckpointWriter from "../../src/workflows/CheckpointWriter.ts"
import { PageLedger } from "../../src/workflows/PageLedger.ts"

const options = {
  topicId: "orders",
  pageSize: 50,
  maxAttempts: 5,
  destination: null,
  failureReason: null,
  limit: null,
  orderBy: false,
  orderOnFailure: "hold"
} as const

it.effect("what has settled is saved when the last checkpoint is a second old, whoever asked for that one", () => {
  const saved: Array<unknown> = []
  const counting = Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(KeyValueStore.KeyValueStore, (store) =>
      KeyValueStore.make({
        ...store,
        set: (key, value) =>
          Effect.andThen(
            Effect.sync(() => saved.push(value)),
            store.set(key, value)
          )
      })
    )
  ).pipe(Layer.provide(KeyValueStore.layerMemory))
  return Effect.gen(function* () {
    const { save, saveStale } = yield* CheckpointWriter.make({
      origin: {
        version: 1,
        runId: "r",
        options,
        initiatedAt: "2024-05-11T09:15:22Z",
        settledPages: 0,
        startedLetters: 0,
        pageToken: null,
        lastSettledAt: null,
        halted: null,
        tally: new ReplayTally().snapshot(),
        heldKeys: [],
        elapsedMillis: 0,
        report: null
      },
      lease: { lost: Effect.never, check: Effect.void },
      ledger: new PageLedger(
        { settledPages: 0, startedLetters: 0, pageToken: undefined },
        ReplayTally.restore(new ReplayTally().snapshot()),
        []
      ),
      standing: () => ({ elapsedMillis: 0, halted: null })
    })
    yield* TestClock.adjust(999)
    yield* saveStale
    assert.strictEqual(saved.length, 0)
    yield* TestClock.adjust(1)
    yield* saveStale
    assert.strictEqual(saved.length, 1)
    yield* TestClock.adjust(500)
    yield* save
    assert.strictEqual(saved.length, 2)
    yield* TestClock.adjust(999)
    yield* saveStale
    assert.strictEqual(saved.length, 2)
    yield* TestClock.adjust(1)
    yield* saveStale
    assert.strictEqual(saved.length, 3)
  }).pipe(Effect.provide(Layer.provide(Checkpoints.layer, counting)))
})
