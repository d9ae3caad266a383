import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Layer, Option } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { DuplicateDetected, NetworkFailure, RateLimited, type TryReason } from "../../src/domain/EventBridgeError.ts"
import type { Answer } from "../../src/services/Exchange.ts"
import * as ServiceBreaker from "../../src/services/ServiceBreaker.ts"
import { ServiceHealth } from "../../src/services/ServiceHealth.ts"

const key = "https://service"
const answer: Answer = { status: 200, body: "{}" }
const good = Effect.succeed(answer)
const refused = Effect.fail(new NetworkFailure({ detail: "refused" }))

const storeError = new CircuitBreaker.CircuitBreakerStoreError({ message: "the store is down" })

/** A breaker that opens for a second after three failures in a row, and how often its store was asked. */
const setUp = Effect.gen(function* () {
  let admissions = 0
  const storage = { isDown: false }
  const store = yield* CircuitBreaker.CircuitBreakerStore
  const circuit = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(3),
    openDuration: "1 second"
  }).pipe(
    Effect.provideService(CircuitBreaker.CircuitBreakerStore, {
      ...store,
      admit: (name) => {
        admissions++
        return storage.isDown
          ? Effect.fail(new CircuitBreaker.CircuitBreakerError({ reason: storeError }))
          : store.admit(name)
      }
    })
  )
  const health = new ServiceHealth()
  const breaker = ServiceBreaker.make(circuit, { clock: yield* Clock.Clock, health, key })
  const execute = (self: Effect.Effect<Answer, TryReason>) => breaker.execute(() => self)
  return {
    make: breaker.execute,
    execute,
    state: breaker.state,
    health,
    storage,
    admissions: () => admissions,
    stateTag: Effect.map(breaker.state, (state) => Option.getOrUndefined(state)?._tag),
    tagOf: (self: Effect.Effect<Answer, TryReason>) =>
      Effect.match(execute(self), { onSuccess: () => "Answer", onFailure: ({ _tag }) => _tag })
  }
})

const onMemory = Effect.provide(Layer.suspend(() => CircuitBreaker.layerStoreMemory()))

/** A try under way, and how it ends when told to. */
const underWay = (execute: Effect.Success<typeof setUp>["execute"]) =>
  Effect.gen(function* () {
    const end = yield* Deferred.make<Answer, TryReason>()
    const fiber = yield* Effect.forkChild(execute(Deferred.await(end)), { startImmediately: true })
    return (exit: Effect.Effect<Answer, TryReason>) =>
      Effect.andThen(Deferred.complete(end, exit), Effect.result(Fiber.join(fiber)))
  })

const times = (count: number) => ({ times: count - 1 })

describe("ServiceBreaker", () => {
  it.effect("is asked once while all goes well, whatever the answers say", () =>
    Effect.gen(function* () {
      const { admissions, execute, health, tagOf } = yield* setUp
      yield* Effect.repeat(execute(good), times(10))
      assert.strictEqual(yield* tagOf(Effect.fail(new DuplicateDetected({ detail: "" }))), "DuplicateDetected")
      assert.strictEqual(
        yield* tagOf(Effect.fail(new RateLimited({ detail: "", maxRetryAfterMillis: 1 }))),
        "RateLimited"
      )
      yield* Effect.repeat(execute(good), times(10))
      assert.strictEqual(admissions(), 1)
      yield* TestClock.adjust("1 minute")
      yield* execute(good)
      assert.isTrue(health.hasAnsweredSince(59_999))
    }).pipe(onMemory)
  )

  it.effect("opens after the configured number of failures in a row, and only then", () =>
    Effect.gen(function* () {
      const { execute, health, stateTag, tagOf } = yield* setUp
      yield* execute(good)
      for (let round = 0; round < 5; round++) {
        yield* Effect.repeat(tagOf(refused), times(2))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(health.isDownFor((round + 1) * 1000), 1000)
        yield* execute(good)
      }
      assert.strictEqual(yield* stateTag, "Closed")
      yield* Effect.repeat(tagOf(refused), times(3))
      assert.strictEqual(yield* stateTag, "Open")
      assert.strictEqual(yield* tagOf(good), "CircuitBreakerError")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* tagOf(good), "Answer")
      assert.strictEqual(yield* stateTag, "Closed")
      yield* Effect.repeat(tagOf(refused), times(2))
      assert.strictEqual(yield* stateTag, "Closed")
    }).pipe(onMemory)
  )

  it.effect("a try that the circuit refuses is not even made", () =>
    Effect.gen(function* () {
      const { make, tagOf } = yield* setUp
      yield* Effect.repeat(tagOf(refused), times(3))
      let made = 0
      const attempt = make(() => {
        made++
        return good
      })
      assert.strictEqual((yield* Effect.flip(attempt))._tag, "CircuitBreakerError")
      assert.strictEqual(made, 0)
      yield* TestClock.adjust("1 second")
      yield* attempt
      assert.strictEqual(made, 1)
      // Well again, and asked no more.
      yield* attempt
      assert.strictEqual(made, 2)
    }).pipe(onMemory)
  )

  it.effect("tries that began while all went well count when they fail, and so does an answer between them", () =>
    Effect.gen(function* () {
      const { execute, stateTag } = yield* setUp
      yield* execute(good)
      const tries = yield* Effect.replicateEffect(underWay(execute), 6)
      const ends = [refused, refused, good, refused, refused]
      for (const [index, end] of tries.slice(0, 5).entries()) yield* end(ends[index] ?? good)
      assert.strictEqual(yield* stateTag, "Closed")
      for (const end of tries.slice(5)) yield* end(refused)
      assert.strictEqual(yield* stateTag, "Open")
    }).pipe(onMemory)
  )

  it.effect("a try that ends after the circuit has opened keeps its result, and changes nothing", () =>
    Effect.gen(function* () {
      const { execute, stateTag, tagOf } = yield* setUp
      yield* execute(good)
      const [answered, failed, lateAnswer, lateFailure] = yield* Effect.all([
        underWay(execute),
        underWay(execute),
        underWay(execute),
        underWay(execute)
      ])
      yield* Effect.repeat(tagOf(refused), times(3))
      assert.strictEqual((yield* answered(good))._tag, "Success")
      assert.deepStrictEqual(yield* failed(refused), yield* Effect.result(refused))
      assert.strictEqual(yield* stateTag, "Open")
      // The circuit lets one try through by now: neither of these is it.
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* lateFailure(refused))._tag, "Failure")
      assert.strictEqual((yield* lateAnswer(good))._tag, "Success")
      assert.notStrictEqual(yield* stateTag, "Closed")
      assert.strictEqual(yield* tagOf(good), "Answer")
      assert.strictEqual(yield* stateTag, "Closed")
    }).pipe(onMemory)
  )

  it.effect("an answer that a failure overtook does not pass for calm", () =>
    Effect.gen(function* () {
      const { admissions, execute, tagOf } = yield* setUp
      const first = yield* underWay(execute)
      yield* tagOf(refused)
      yield* first(good)
      const before = admissions()
      yield* execute(good)
      assert.strictEqual(admissions(), before + 1)
      yield* execute(good)
      assert.strictEqual(admissions(), before + 1)
    }).pipe(onMemory)
  )

  it.effect.each<[string, Effect.Effect<never>]>([
    ["a defect", Effect.die("defect")],
    ["an interruption from within", Effect.interrupt]
  ])("%s ends a try as it is, and says nothing", ([, end]) =>
    Effect.gen(function* () {
      const { admissions, execute, health, stateTag } = yield* setUp
      yield* execute(good)
      for (let n = 0; n < 5; n++) {
        const exit = yield* Effect.exit(execute(end))
        assert.strictEqual(String(exit), String(yield* Effect.exit(end)))
      }
      yield* TestClock.adjust("1 second")
      yield* execute(good)
      assert.deepStrictEqual([yield* stateTag, admissions(), health.isDownFor(1000)], ["Closed", 1, 0])
    }).pipe(onMemory)
  )

  it.effect("the service's health is known even if the store fails", () =>
    Effect.gen(function* () {
      const { health, storage, tagOf } = yield* setUp
      storage.isDown = true
      assert.strictEqual(yield* tagOf(refused), "NetworkFailure")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(health.isDownFor(1000), 1000)
      assert.strictEqual(yield* tagOf(good), "Answer")
      assert.deepStrictEqual([health.isDownFor(1000), health.hasAnsweredSince(999)], [0, true])
    }).pipe(onMemory)
  )

  it.effect("an interrupted try says nothing", () =>
    Effect.gen(function* () {
      const { admissions, execute } = yield* setUp
      yield* execute(good)
      const fiber = yield* Effect.forkChild(execute(Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* execute(good)
      assert.strictEqual(admissions(), 1)
    }).pipe(onMemory)
  )
})
