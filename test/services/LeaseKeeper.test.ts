import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Result } from "effect"
import { TestClock } from "effect/testing"
import * as LeaseKeeper from "../../src/services/LeaseKeeper.ts"

const detailOf = (checked: Result.Result<void, { readonly detail: string }>): string | undefined =>
  Result.isFailure(checked) ? checked.failure.detail : undefined

it.effect("a lease is held as long as it is renewed", () =>
  Effect.gen(function* () {
    let renewals = 0
    const renew = Effect.sync(() => void renewals++)
    const { check } = yield* LeaseKeeper.keep("run r", renew)
    yield* TestClock.adjust("10 minutes")
    assert.strictEqual(renewals, 60)
    yield* check
  })
)

it.effect("a renewal counts from when it began: others see only that", () =>
  Effect.gen(function* () {
    let renewals = 0
    const renew = Effect.suspend(() => (++renewals === 1 ? Effect.sleep("25 seconds") : Effect.void))
    const { check } = yield* LeaseKeeper.keep("run r", renew)
    yield* TestClock.adjust("39 seconds")
    yield* check
    assert.strictEqual(renewals, 1)
    yield* TestClock.adjust("1 second")
    yield* check
    assert.strictEqual(renewals, 2)
  })
)

it.effect("a renewal that dies loses it", () =>
  Effect.gen(function* () {
    const { check } = yield* LeaseKeeper.keep("run r", Effect.die("torn"))
    yield* TestClock.adjust("9 seconds")
    yield* check
    yield* TestClock.adjust("1 second")
    assert.strictEqual(detailOf(yield* Effect.result(check)), "it could not be renewed: torn")
  })
)

describe("a process that was stopped for longer than its lease lasts", () => {
  const awake = (renew: Effect.Effect<void, LeaseKeeper.Overtaken>, millis = 60_000) =>
    Effect.gen(function* () {
      let slept = 0
      const clock = yield* Clock.Clock
      // The timers of a process that was stopped go off some time after it goes on.
      const late: Clock.Clock = Object.assign(Object.create(clock), {
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + slept
      })
      const lease = yield* Effect.provideService(LeaseKeeper.keep("run r", renew), Clock.Clock, late)
      yield* lease.check
      slept = millis
      return lease
    })

  it.effect("learns at its next step that another process has taken it", () =>
    Effect.gen(function* () {
      const { check, lost } = yield* awake(Effect.suspend(() => Effect.fail(new LeaseKeeper.Overtaken())))
      assert.strictEqual(detailOf(yield* Effect.result(check)), "another process has taken it")
      assert.strictEqual((yield* Effect.flip(lost)).detail, "another process has taken it")
    })
  )

  it.effect.each([60_000, -60_000])(
    "renews it once where nobody has, and goes on, whichever way its clock went: %d",
    (millis) =>
      Effect.gen(function* () {
        let renewals = 0
        const { check } = yield* awake(
          Effect.sync(() => void renewals++),
          millis
        )
        yield* Effect.all([check, check, check], { concurrency: "unbounded" })
        yield* check
        assert.strictEqual(renewals, 1)
      })
  )

  it.effect("waits while it cannot find out, and can be interrupted", () =>
    Effect.gen(function* () {
      const { check } = yield* awake(Effect.never)
      const fiber = yield* Effect.forkChild(check)
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    })
  )
})
