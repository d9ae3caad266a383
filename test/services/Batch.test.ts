import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import * as Batch from "../../src/services/Batch.ts"

/** A batch whose work waits until it is let go, in a scope of its own. */
const waiting = Effect.gen(function* () {
  const groups: Array<ReadonlyArray<string>> = []
  const begun = yield* Deferred.make<void>()
  const go = yield* Deferred.make<void>()
  const scope = yield* Scope.fork(yield* Effect.scope)
  const work = (items: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      groups.push(items)
      return Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(go))
    })
  const { submit } = yield* Scope.provide(Batch.make<string, string>(work, "closed"), scope)
  const first = yield* Effect.forkChild(submit(["first"]))
  yield* Deferred.await(begun)
  return { first, go: Deferred.succeed(go, undefined), groups, scope, submit }
})

describe("Batch", () => {
  it.effect("accepts any number of items at once, and hands them on in their order", () =>
    Effect.gen(function* () {
      const groups: Array<ReadonlyArray<number>> = []
      const batch = yield* Batch.make((items: ReadonlyArray<number>) => Effect.sync(() => groups.push(items)), "closed")
      const many = Array.from({ length: 300_000 }, (_, index) => index)
      yield* batch.submit(many)
      assert.lengthOf(groups, 1)
      assert.deepStrictEqual(groups[0], many)
    })
  )

  it.effect("items that come while a group is worked on form the next one", () =>
    Effect.gen(function* () {
      const { first, go, groups, submit } = yield* waiting
      const others = yield* Effect.forkChild(Effect.all([submit(["a", "b"]), submit(["c"])], { concurrency: 2 }))
      yield* Effect.yieldNow
      yield* go
      yield* Fiber.joinAll([first, others])
      assert.deepStrictEqual(groups, [["first"], ["a", "b", "c"]])
    })
  )

  it.effect("a group that fails fails for all who submitted to it, and for nobody after", () =>
    Effect.gen(function* () {
      const fails = (items: ReadonlyArray<string>) => (items.includes("bad") ? Effect.fail("torn") : Effect.void)
      const { submit } = yield* Batch.make<string, string>(fails, "closed")
      const together = Effect.all([Effect.exit(submit(["good"])), Effect.exit(submit(["bad"]))], { concurrency: 2 })
      assert.deepStrictEqual(yield* together, [Exit.fail("torn"), Exit.fail("torn")])
      yield* submit(["good"])
    })
  )

  it.effect("interrupting a submitter affects nobody else: the work is done all the same", () =>
    Effect.gen(function* () {
      const { first, go, groups, submit } = yield* waiting
      yield* Fiber.interrupt(first)
      const next = yield* Effect.forkChild(submit(["next"]))
      yield* go
      yield* Fiber.join(next)
      assert.deepStrictEqual(groups, [["first"], ["next"]])
    })
  )

  it.effect("when its scope ends, the group begun is finished, and items that wait or come later fail", () =>
    Effect.gen(function* () {
      const { first, go, groups, scope, submit } = yield* waiting
      const waits = yield* Effect.forkChild(Effect.exit(submit(["waits"])))
      yield* Effect.yieldNow
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      assert.deepStrictEqual(yield* Fiber.join(waits), Exit.fail("closed"))
      yield* go
      yield* Fiber.joinAll([first, closing])
      assert.deepStrictEqual(yield* Effect.exit(submit(["late"])), Exit.fail("closed"))
      assert.deepStrictEqual(groups, [["first"]])
    })
  )

  it.effect("closed while nothing waits, it fails items that come later", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const { submit } = yield* Scope.provide(
        Batch.make<string, string>(() => Effect.void, "closed"),
        scope
      )
      yield* submit(["early"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Effect.exit(submit(["late"])), Exit.fail("closed"))
    })
  )
})
