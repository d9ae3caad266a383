import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer, Option } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ReplayTally } from "../../src/domain/ReplayTally.ts"
import { Checkpoints } from "../../src/index.ts"
import { checkpoint, report } from "../services/support/Runs.ts"
import * as CheckpointWriter from "../../src/workflows/CheckpointWriter.ts"
import { PageLedger } from "../../src/workflows/PageLedger.ts"
import { storeWriting } from "./support/Harness.ts"

it.effect("a checkpoint shows when the last page was settled, not when it was written", () =>
  Effect.gen(function* () {
    const checkpoints = yield* Checkpoints
    const ledger = new PageLedger(
      { settledPages: 2, startedLetters: 100, pageToken: "p" },
      ReplayTally.restore(checkpoint.tally),
      []
    )
    const { save } = yield* CheckpointWriter.make({
      origin: checkpoint,
      lease: { lost: Effect.never, check: Effect.void },
      ledger,
      status: () => ({ elapsedMillis: 0, halted: null })
    })
    const kept = Effect.gen(function* () {
      yield* save
      return Option.getOrThrow(yield* checkpoints.load(checkpoint.runId)).lastSettledAt
    })
    yield* TestClock.adjust(1000)
    assert.strictEqual(yield* kept, checkpoint.lastSettledAt)
    ledger.open({ token: "p", nextPageToken: undefined, letters: [] }, 0)
    ledger.settle()
    assert.strictEqual(yield* kept, "1970-01-01T00:00:01.000Z")
    yield* TestClock.adjust(1000)
    assert.strictEqual(yield* kept, "1970-01-01T00:00:01.000Z")
  }).pipe(Effect.provide(Checkpoints.layerMemory))
)

it.effect("the report of a run is saved last, whoever asks for a checkpoint together with it", () => {
  const isDiskBack = Latch.makeUnsafe(false)
  const slow = storeWriting((write) => Effect.andThen(isDiskBack.await, write)).pipe(
    Layer.provide(KeyValueStore.layerMemory)
  )
  return Effect.gen(function* () {
    const checkpoints = yield* Checkpoints
    const { complete, save } = yield* CheckpointWriter.make({
      origin: checkpoint,
      lease: { lost: Effect.never, check: Effect.void },
      ledger: new PageLedger(
        { settledPages: 2, startedLetters: 100, pageToken: undefined },
        ReplayTally.restore(checkpoint.tally),
        []
      ),
      status: () => ({ elapsedMillis: 0, halted: null })
    })
    const first = yield* Effect.forkChild(save, { startImmediately: true })
    yield* Effect.yieldNow
    // While that one is written, both of these wait for the next.
    const others = yield* Effect.forkChild(Effect.all([complete(report), save], { concurrency: "unbounded" }), {
      startImmediately: true
    })
    yield* isDiskBack.open
    yield* Fiber.joinAll([first, others])
    assert.deepStrictEqual(Option.getOrThrow(yield* checkpoints.load(checkpoint.runId)).report, report)
  }).pipe(Effect.provide(Layer.provide(Checkpoints.layer, slow)))
})

it.effect("what has settled is saved when the last checkpoint is a second old, whoever asked for that one", () => {
  const saved: Array<unknown> = []
  const counting = storeWriting((write, value) =>
    Effect.andThen(
      Effect.sync(() => saved.push(value)),
      write
    )
  ).pipe(Layer.provide(KeyValueStore.layerMemory))
  return Effect.gen(function* () {
    const { save, saveStale } = yield* CheckpointWriter.make({
      origin: checkpoint,
      lease: { lost: Effect.never, check: Effect.void },
      ledger: new PageLedger(
        { settledPages: 0, startedLetters: 0, pageToken: undefined },
        ReplayTally.restore(checkpoint.tally),
        []
      ),
      status: () => ({ elapsedMillis: 0, halted: null })
    })
    const savedAfter = (millis: number, asked: typeof save) =>
      TestClock.adjust(millis).pipe(
        Effect.andThen(asked),
        Effect.map(() => saved.length)
      )
    assert.strictEqual(yield* savedAfter(999, saveStale), 0)
    assert.strictEqual(yield* savedAfter(1, saveStale), 1)
    assert.strictEqual(yield* savedAfter(500, save), 2)
    assert.strictEqual(yield* savedAfter(999, saveStale), 2)
    assert.strictEqual(yield* savedAfter(1, saveStale), 3)
  }).pipe(Effect.provide(Layer.provide(Checkpoints.layer, counting)))
})
