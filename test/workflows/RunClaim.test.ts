import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Checkpoints, type RunCheckpoint } from "../../src/index.ts"
import * as RunClaim from "../../src/workflows/RunClaim.ts"
import { checkpoint, report } from "../services/support/Runs.ts"

const { options, runId } = checkpoint

/** Another process keeps this, and gives the run back, just before the lease is had here. */
const meanwhile = (kept: RunCheckpoint) =>
  Layer.effect(
    Checkpoints,
    Effect.map(Checkpoints, (checkpoints) =>
      Checkpoints.of({
        ...checkpoints,
        acquire: (id) => Effect.andThen(checkpoints.save(kept), checkpoints.acquire(id))
      })
    )
  ).pipe(Layer.provide(Checkpoints.layerMemory))

const claim = Effect.gen(function* () {
  const { load, save } = yield* Checkpoints
  yield* save(checkpoint)
  assert.isTrue((yield* load(runId))._tag === "Some")
  return yield* RunClaim.claim({ runId }, options)
})

describe("a run that another process works on until it is claimed", () => {
  it.effect("is resumed from where that one has left it", () =>
    Effect.gen(function* () {
      const claimed = yield* claim
      assert.deepInclude(claimed._tag === "Claimed" ? claimed.checkpoint : {}, { settledPages: 3, pageToken: "next" })
    }).pipe(Effect.provide(meanwhile({ ...checkpoint, settledPages: 3, pageToken: "next" })))
  )

  it.effect("is not run again if that one has completed it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* claim, { _tag: "Completed", report })
    }).pipe(Effect.provide(meanwhile({ ...checkpoint, report })))
  )

  it.effect("is refused if that one has begun it anew with other options", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(claim)
      assert.strictEqual(error._tag, "CheckpointMismatch")
      assert.include(error.message, "limit was 5, now not set")
    }).pipe(Effect.provide(meanwhile({ ...checkpoint, options: { ...options, limit: 5 } })))
  )
})
