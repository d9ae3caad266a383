import { assert, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Deadlines from "../../src/services/Deadlines.ts"

const setUp = Effect.map(Deadlines.make, (deadlines) => ({
  within: <A, E, E2>(
    self: Effect.Effect<A, E>,
    duration: Duration.Duration,
    orElse: (duration: Duration.Duration) => E2
  ) => Effect.withFiber((fiber) => deadlines.within(fiber, self, duration, orElse))
}))

const second = Duration.seconds(1)
const late = () => "late"

it.effect("an effect that ends in time is unchanged, one that does not fails after its finalizers", () =>
  Effect.gen(function* () {
    const { within } = yield* setUp
    assert.strictEqual(yield* within(Effect.succeed(1), second, late), 1)
    assert.strictEqual(yield* Effect.flip(within(Effect.fail("no"), second, late)), "no")
    let isReleased = false
    const slow = Effect.onExit(Effect.never, () =>
      Effect.andThen(
        Effect.sleep("3 seconds"),
        Effect.sync(() => {
          isReleased = true
        })
      )
    )
    const fiber = yield* Effect.forkChild(Effect.flip(within(slow, second, late)))
    yield* TestClock.adjust("3999 millis")
    assert.isUndefined(fiber.pollUnsafe())
    yield* TestClock.adjust("1 millis")
    assert.strictEqual(yield* Fiber.join(fiber), "late")
    assert.isTrue(isReleased)
  })
)

it.effect("each has its own time, whatever else began before or after, and of whatever duration", () =>
  Effect.gen(function* () {
    const { within } = yield* setUp
    const ended = (duration: Duration.Duration) =>
      Effect.andThen(Effect.ignore(within(Effect.never, duration, late)), Clock.currentTimeMillis)
    const fibers: Array<Fiber.Fiber<number>> = []
    for (let at = 0; at < 2000; at += 300) {
      fibers.push(yield* Effect.forkChild(ended(second)), yield* Effect.forkChild(ended(Duration.millis(500))))
      // Between them some that end long before.
      yield* within(Effect.void, second, late)
      yield* TestClock.adjust(300)
    }
    yield* TestClock.adjust("1 minute")
    const starts = [0, 300, 600, 900, 1200, 1500, 1800]
    assert.deepStrictEqual(
      yield* Effect.forEach(fibers, Fiber.join),
      starts.flatMap((start) => [start + 1000, start + 500])
    )
  })
)

it.effect("interrupted, it interrupts its effect; a deadline after that does nothing", () =>
  Effect.gen(function* () {
    const { within } = yield* setUp
    let interruptions = 0
    const waiting = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interruptions++))
    const fiber = yield* Effect.forkChild(within(waiting, second, late), { startImmediately: true })
    yield* Fiber.interrupt(fiber)
    assert.strictEqual(interruptions, 1)
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(interruptions, 1)
    assert.strictEqual(yield* within(Effect.succeed("next"), second, late), "next")
  })
)

it.effect("one that is late and slow to end does not affect those that began meanwhile", () =>
  Effect.gen(function* () {
    const { within } = yield* setUp
    const ended = Effect.andThen(Effect.ignore(within(Effect.never, second, late)), Clock.currentTimeMillis)
    const reluctant = Effect.onInterrupt(Effect.never, () => Effect.sleep("700 millis"))
    const first = yield* Effect.forkChild(Effect.flip(within(reluctant, second, late)))
    yield* TestClock.adjust("900 millis")
    const next = yield* Effect.forkChild(ended)
    yield* TestClock.adjust("600 millis")
    const third = yield* Effect.forkChild(ended)
    yield* TestClock.adjust("200 millis")
    assert.strictEqual(yield* Fiber.join(first), "late")
    yield* TestClock.adjust("1 minute")
    assert.deepStrictEqual([yield* Fiber.join(next), yield* Fiber.join(third)], [1900, 2500])
  })
)

it.effect("a clock that is set back gives nobody more time", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    let setBack = 0
    const settable: Clock.Clock = Object.create(clock, {
      currentTimeMillisUnsafe: { value: () => clock.currentTimeMillisUnsafe() - setBack }
    })
    yield* Effect.gen(function* () {
      const { within } = yield* setUp
      const fiber = yield* Effect.forkChild(Effect.flip(within(Effect.never, second, late)))
      yield* TestClock.adjust("300 millis")
      setBack = Duration.toMillis("1 hour")
      yield* TestClock.adjust("700 millis")
      assert.strictEqual(fiber.pollUnsafe()?._tag, "Success")
    }).pipe(Effect.provideService(Clock.Clock, settable))
  })
)
