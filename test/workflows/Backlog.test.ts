import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Result } from "effect"
import { ReplayTally } from "../../src/domain/ReplayTally.ts"
import { Backlog, type QueuedLetter } from "../../src/workflows/Backlog.ts"
import { settle } from "./support/Harness.ts"

const page = {
  index: 0,
  lettersBefore: 0,
  wereInFlight: 0,
  nextPageToken: undefined,
  tally: new ReplayTally(),
  heldKeys: [],
  remaining: 0
}
const queued = (eventId: string, key?: string): QueuedLetter => ({
  page,
  number: 1,
  decided: Result.succeed({
    letter: { eventId, topicId: "orders", payload: 1 },
    request: { topicId: "orders", idempotencyKey: eventId, body: "{}" }
  }),
  wasInFlight: false,
  key
})
const many = (size: number, key?: string) => Array.from({ length: size }, (_, index) => queued(`evt_${index}`, key))
const nameOf = ({ decided }: QueuedLetter): string =>
  Result.match(decided, { onSuccess: ({ letter }) => letter.eventId, onFailure: ({ skip }) => skip._tag })

/** Whether what is waited for is there already. */
const isThere = Effect.fnUntraced(function* (wait: Effect.Effect<unknown>) {
  const fiber = yield* Effect.forkChild(wait)
  yield* settle
  const there = fiber.pollUnsafe() !== undefined
  yield* Fiber.interrupt(fiber)
  return there
})

const added = (backlog: Backlog, letters: ReadonlyArray<QueuedLetter>) => {
  backlog.expect(letters.length)
  backlog.add(letters)
}

const take = (backlog: Backlog, times: number) => Effect.forEach(Array.from({ length: times }), () => backlog.take())

describe("Backlog", () => {
  it.effect("runs low below four letters per letter sent at once", () =>
    Effect.gen(function* () {
      const backlog = yield* Backlog.make(2, [])
      assert.isTrue(yield* isThere(backlog.runsLow))
      added(backlog, many(7))
      assert.isTrue(yield* isThere(backlog.runsLow))
      added(backlog, many(1))
      assert.isFalse(yield* isThere(backlog.runsLow))
      yield* backlog.take()
      assert.isTrue(yield* isThere(backlog.runsLow))
    })
  )

  it.effect("has room below twelve letters without an outcome per letter sent at once, expected ones included", () =>
    Effect.gen(function* () {
      const backlog = yield* Backlog.make(2, [])
      backlog.expect(23)
      assert.isTrue(yield* isThere(backlog.room))
      backlog.expect(1)
      assert.isFalse(yield* isThere(backlog.room))
      const first = queued("first")
      backlog.add([first, ...many(23)])
      yield* take(backlog, 24)
      assert.isFalse(yield* isThere(backlog.room))
      backlog.finish(first, false)
      assert.isTrue(yield* isThere(backlog.room))
    })
  )

  it.effect("reads on past letters that wait for their key, as soon as they are known to", () =>
    Effect.gen(function* () {
      const backlog = yield* Backlog.make(2, [])
      backlog.expect(30)
      assert.isFalse(yield* isThere(backlog.room))
      backlog.add(many(30, "key"))
      assert.isTrue(yield* isThere(backlog.room))
      added(backlog, many(34, "key"))
      assert.isFalse(yield* isThere(backlog.room))
    })
  )

  it.effect("hands out one letter of a key at a time, and a released one before those that came later", () =>
    Effect.gen(function* () {
      const backlog = yield* Backlog.make(2, [])
      const [a1, a2, b1] = [queued("a1", "a"), queued("a2", "a"), queued("b1", "b")]
      added(backlog, [a1, a2, b1, queued("c")])
      assert.deepStrictEqual((yield* take(backlog, 2)).map(nameOf), ["a1", "b1"])
      backlog.finish(a1, false)
      assert.deepStrictEqual((yield* take(backlog, 2)).map(nameOf), ["a2", "c"])
    })
  )

  it.effect("ends once all pages are there and every letter has its outcome", () =>
    Effect.gen(function* () {
      const backlog = yield* Backlog.make(2, [])
      const [first, second] = [queued("a1", "a"), queued("a2", "a")]
      added(backlog, [first, second])
      backlog.complete()
      yield* backlog.take()
      const waiting = yield* Effect.forkChild(backlog.take())
      yield* settle
      assert.isUndefined(waiting.pollUnsafe())
      // Held back by the first, it is handed out to be left out.
      backlog.finish(first, true)
      const heldBack = yield* Fiber.join(waiting)
      assert.strictEqual(nameOf(heldBack), "HeldBack")
      backlog.finish(heldBack, false)
      const end = yield* Effect.exit(backlog.take())
      assert.isTrue(Exit.isFailure(end) && Cause.isDone(Cause.squash(end.cause)))
    })
  )
})
