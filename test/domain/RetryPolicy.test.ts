import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { defaultRetryPolicy, type RetryPolicy, schedule } from "../../src/domain/RetryPolicy.ts"

interface Failed {
  readonly retryAfterMillis?: number
}

/** The pauses between the tries of an effect that always fails. */
const pauses = Effect.fnUntraced(function* (policy: RetryPolicy, failure: (attempt: number) => Failed = () => ({})) {
  const tries: Array<number> = []
  const failing = Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(failure(tries.push(now))))
  const fiber = yield* Effect.forkChild(Effect.flip(Effect.retry(failing, schedule(policy))))
  yield* TestClock.adjust("1 day")
  yield* Fiber.join(fiber)
  return tries.slice(1).map((at, index) => at - (tries[index] ?? 0))
})

const within = (pause: number | undefined, expected: number) => {
  assert.isDefined(pause)
  assert.isAtLeast(pause, Math.floor(0.8 * expected))
  assert.isAtMost(pause, Math.ceil(1.2 * expected))
}

describe("RetryPolicy", () => {
  it.effect("pauses double from 200 ms, six times, give or take a fifth", () =>
    Effect.gen(function* () {
      const taken = yield* pauses(defaultRetryPolicy)
      assert.lengthOf(taken, 6)
      for (const [index, expected] of [200, 400, 800, 1600, 3200, 6400].entries()) within(taken[index], expected)
    })
  )

  it.effect("pauses grow no longer than the cap", () =>
    Effect.gen(function* () {
      const taken = yield* pauses({ ...defaultRetryPolicy, maxDelay: Duration.seconds(1), maxRetries: 12 })
      assert.lengthOf(taken, 12)
      for (const pause of taken.slice(3)) within(pause, 1000)
    })
  )

  it.effect("no two calls pause for the same time", () =>
    Effect.gen(function* () {
      const runs = yield* Effect.forEach(Array.from({ length: 8 }), () => pauses(defaultRetryPolicy))
      assert.isAbove(new Set(runs.map((taken) => taken.join())).size, 1)
    })
  )

  it.effect("no retries means one try", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* pauses({ ...defaultRetryPolicy, maxRetries: 0 }), [])
    })
  )

  it.effect("never earlier than the service asks, for the one pause it asks for", () =>
    Effect.gen(function* () {
      const taken = yield* pauses(defaultRetryPolicy, (attempt) => (attempt === 2 ? { retryAfterMillis: 30_000 } : {}))
      within(taken[0], 200)
      assert.strictEqual(taken[1], 30_000)
      within(taken[2], 800)
    })
  )

  it.effect("a pause shorter than our own does not shorten ours", () =>
    Effect.gen(function* () {
      const taken = yield* pauses(defaultRetryPolicy, () => ({ retryAfterMillis: 1 }))
      for (const [index, expected] of [200, 400, 800, 1600, 3200, 6400].entries()) within(taken[index], expected)
    })
  )

  const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))

  it.effect.prop(
    "whatever the policy: as many tries as allowed, and no pause below what was asked for or above cap and jitter",
    [upTo(5000), upTo(20_000), upTo(10), upTo(60_000)],
    ([base, cap, maxRetries, retryAfterMillis]) =>
      Effect.gen(function* () {
        const policy = {
          ...defaultRetryPolicy,
          maxRetries,
          baseDelay: Duration.millis(base),
          maxDelay: Duration.millis(cap)
        }
        const taken = yield* pauses(policy, () => ({ retryAfterMillis }))
        assert.lengthOf(taken, maxRetries)
        for (const [index, pause] of taken.entries()) {
          const own = Math.min(base * 2 ** index, cap)
          // Jitter is computed in doubles; a pause asked for is kept to the millisecond.
          assert.isAtLeast(Math.round(pause * 1e6) / 1e6, Math.max(retryAfterMillis, Math.floor(0.8 * own)))
          assert.isAtMost(pause, Math.max(retryAfterMillis, Math.ceil(1.2 * own)))
        }
      }),
    { arbitrary: { runs: 50 } }
  )
})
