import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Option, Result } from "effect"
import { TestClock } from "effect/testing"
import { EventBridgeHttp, type EventBridgeOptions } from "../../src/index.ts"
import {
  type Answer,
  type Answerer,
  calls as allCalls,
  collectLogs,
  firstPage,
  json,
  late,
  layerHttp,
  layerWire,
  receipt,
  replayOf,
  type Sent,
  setClock,
  text,
  withTokens
} from "./Support.ts"

const logs = collectLogs()

/** The page of one letter that is asked for when the service seems down. */
const isProbe = ({ url }: Sent): boolean => url.searchParams.get("limit") === "1"

/** Answers the probe, whatever becomes of all else. */
const alive = (answerer: Answerer): Answerer => {
  let others = 0
  return (request) => (isProbe(request) ? json({ events: [] }) : answerer(request, others++))
}

const calls = Effect.map(allCalls, (sent) => sent.filter((request) => !isProbe(request)))

/** A service that is alive, though it may fail the calls of the test. */
const withHttp = (answerer: Answerer, options: Partial<EventBridgeOptions> = {}, lines = logs) =>
  withService(alive(answerer), options, lines)

const withService = (answerer: Answerer, options: Partial<EventBridgeOptions> = {}, { layer } = logs) => {
  const wire = layerWire(withTokens(answerer))
  return <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provide(layerHttp(options)), Effect.provide(wire), Effect.provide(layer))
}

const replay = (eventId = "evt_1") => Effect.flatMap(EventBridgeHttp, (http) => http.replay(replayOf(eventId)))
const list = Effect.flatMap(EventBridgeHttp, (http) => http.listDeadLetters(firstPage))

/** Runs with all the time in the world. */
const timeless = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect)
  yield* TestClock.adjust("1 hour")
  return yield* Fiber.join(fiber)
})

const times = Effect.map(calls, (sent) => sent.map(({ at }) => at))

/** The pauses before each try but the first. */
const pauses = Effect.map(times, (all) => all.slice(1).map((at, index) => at - (all[index] ?? 0)))

/** Answers the first calls, then takes everything. */
const then =
  (...answers: ReadonlyArray<() => Answer>): Answerer =>
  (_, index) =>
    answers[index]?.() ?? json(receipt)

const isWithin = (value: number | undefined, [low, high]: readonly [number, number]) => {
  assert.isDefined(value)
  assert.isAtLeast(value, low)
  assert.isAtMost(value, high)
}

describe("Transport: retries", () => {
  it.effect.each<[string, () => Answer]>([
    ["503", () => text("", 503)],
    ["500", () => text("", 500)],
    ["429", () => text("", 429)],
    ["408", () => text("", 408)],
    ["425", () => text("", 425)],
    ["reset", () => "reset"]
  ])("%s is tried again after 200 ms, then 400 ms, give or take a fifth", ([, failure]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* timeless(replay()), { receipt })
      const [first, second, ...more] = yield* pauses
      isWithin(first, [160, 240])
      isWithin(second, [320, 480])
      assert.lengthOf(more, 0)
    }).pipe(withHttp(then(failure, failure)))
  )

  it.effect.each([400, 403, 404, 405, 409, 413, 422, 301])("%d is final", (status) =>
    Effect.gen(function* () {
      const error = yield* timeless(Effect.flip(replay()))
      assert.strictEqual(error.tries, 1)
      assert.lengthOf(yield* calls, 1)
    }).pipe(withHttp(() => text("", status)))
  )

  it.effect.each<[string, () => Answer, string]>([
    ["503", () => text("gone fishing", 503), "SERVER_TRANSIENT"],
    ["reset", () => "reset", "NETWORK"]
  ])("tries run out after seven: %s", ([, failure, classification]) =>
    Effect.gen(function* () {
      const error = yield* timeless(Effect.flip(replay()))
      assert.lengthOf(yield* calls, 7)
      assert.strictEqual(error.tries, 7)
      assert.strictEqual(error.classification, "MAX_RETRIES_EXCEEDED")
      assert.isTrue(error.reason._tag === "MaxRetriesExceeded" && error.reason.last.classification === classification)
    }).pipe(withHttp(failure))
  )

  it.effect("as many tries as the policy allows", () =>
    Effect.gen(function* () {
      const error = yield* timeless(Effect.flip(replay()))
      assert.strictEqual(error.tries, 3)
      const [first, second] = yield* pauses
      isWithin(first, [800, 1200])
      isWithin(second, [1200, 1800])
    }).pipe(withHttp(() => "reset", { retry: { maxRetries: 2, baseDelay: "1 second", maxDelay: "1500 millis" } }))
  )

  it.effect("the detail of a reset is the innermost one", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replay())
      assert.include(error.message, "read ECONNRESET")
    }).pipe(withHttp(() => "reset", { retry: { maxRetries: 0 } }))
  )
})

describe("Transport: Retry-After", () => {
  it.effect.each([429, 503])("in seconds is kept to (%d)", (status) =>
    Effect.gen(function* () {
      yield* timeless(replay())
      assert.deepStrictEqual(yield* pauses, [17_000])
    }).pipe(withHttp(then(() => text("", status, { "retry-after": "17" }))))
  )

  it.effect("as a date is kept to, by our clock", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse("2024-05-10T14:30:00.250Z"))
      yield* timeless(replay())
      assert.deepStrictEqual(yield* pauses, [4750])
    }).pipe(withHttp(then(() => text("", 429, { "retry-after": "Fri, 10 May 2024 14:30:05 GMT" }))))
  )

  it.effect.each([
    "Fri, 10 May 2024 14:29:00 GMT",
    "0",
    "-5",
    "soon",
    "1.5",
    "",
    "5 seconds",
    "Fri, 99 May 2024 14:30:05 GMT",
    "2024-05-10T14:30:05Z"
  ])("%j leaves our own pause", (header) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse("2024-05-10T14:30:00Z"))
      yield* timeless(replay())
      const [pause, ...more] = yield* pauses
      isWithin(pause, [160, 240])
      assert.lengthOf(more, 0)
    }).pipe(withHttp(then(() => text("", 429, { "retry-after": header }))))
  )

  it.effect("at the cap is kept to", () =>
    Effect.gen(function* () {
      yield* timeless(replay())
      assert.deepStrictEqual(yield* pauses, [120_000])
    }).pipe(withHttp(then(() => text("", 429, { "retry-after": "120" }))))
  )

  it.effect.each(["121", "86400", "9".repeat(400), "Fri, 10 May 2999 14:30:05 GMT"])(
    "above the cap ends the call, and says so: %s",
    (header) =>
      Effect.gen(function* () {
        const error = yield* timeless(Effect.flip(replay()))
        assert.strictEqual(error.reason._tag, "RateLimited")
        assert.include(error.message, "more than the 2m this client waits")
        assert.include(error.hint, "maxRetryAfter")
        assert.lengthOf(yield* calls, 1)
      }).pipe(withHttp(() => text("", 429, { "retry-after": header })))
  )

  it.effect("the cap is configurable", () =>
    Effect.gen(function* () {
      yield* timeless(replay())
      assert.deepStrictEqual(yield* pauses, [600_000])
    }).pipe(
      withHttp(
        then(() => text("", 429, { "retry-after": "600" })),
        { retry: { maxRetryAfter: "10 minutes" } }
      )
    )
  )
})

describe("Transport: a rate limit on all calls", () => {
  /** Takes so many requests a second, and puts off the others. */
  const limitedTo = (most: number): Answerer => {
    const taken = new Map<number, number>()
    return ({ at }) => {
      const second = Math.floor(at / 1000)
      const before = taken.get(second) ?? 0
      taken.set(second, before + 1)
      return before < most ? json(receipt) : text("", 429, { "retry-after": "1" })
    }
  }
  const many = Array.from({ length: 40 }, (_, index) => `evt_${index}`)

  it.effect("lets every call have its turn", () =>
    Effect.gen(function* () {
      yield* timeless(Effect.forEach(many, replay, { concurrency: "unbounded" }))
      // Two a second, in time with what the service asks for.
      isWithin((yield* times).at(-1), [19_000, 40_000])
    }).pipe(withHttp(limitedTo(2)))
  )

  /** Takes nothing in the first minute, as where all of a minute's requests have been used up. */
  const usedUp: Answerer = ({ at }) => (at < 60_000 ? text("", 429) : json(receipt))

  it.effect("costs no letter its tries while nobody is let through", () =>
    Effect.gen(function* () {
      yield* timeless(Effect.forEach(many, replay, { concurrency: "unbounded" }))
      isWithin((yield* times).at(-1), [60_000, 75_000])
    }).pipe(withHttp(usedUp))
  )

  it.effect("costs a letter no tries that is sent alone", () =>
    Effect.gen(function* () {
      yield* timeless(replay())
      isWithin((yield* times).at(-1), [60_000, 75_000])
    }).pipe(withHttp(usedUp))
  )

  it.effect("lets a page wait that others wait with", () =>
    Effect.gen(function* () {
      const letters = Effect.forEach(many, replay, { concurrency: "unbounded" })
      const [page] = yield* timeless(Effect.all([list, letters], { concurrency: "unbounded" }))
      assert.deepStrictEqual(page.letters, [])
    }).pipe(
      withHttp((request, index) =>
        request.at >= 60_000 && request.method === "GET" ? json({ events: [] }) : usedUp(request, index)
      )
    )
  )

  it.effect("ends a page after its tries that meets it alone", () =>
    Effect.gen(function* () {
      const { reason, tries } = yield* timeless(Effect.flip(list))
      assert.deepStrictEqual([reason._tag, tries], ["MaxRetriesExceeded", 7])
    }).pipe(withHttp(usedUp))
  )

  it.effect("is what letters fail for that lets nobody through for as long as calls wait in an outage", () => {
    const told = collectLogs()
    return Effect.gen(function* () {
      const errors = yield* timeless(
        Effect.forEach(many, (id) => Effect.flip(replay(id)), { concurrency: "unbounded" })
      )
      for (const { message, reason } of errors) {
        assert.isTrue(reason._tag === "RateLimited" && reason.isRetryable)
        assert.match(message, /^ReplayEvent: the service limits the rate \(429\): .* \(after \d+ tries\)$/)
      }
      isWithin((yield* times).at(-1), [300_000, 375_000])
      // After their first tries, every ten seconds: whoever counts what it puts off would never let anybody through.
      const inAMinute = (yield* times).filter((at) => at >= 60_000 && at < 120_000)
      isWithin(inAMinute.length / many.length, [5, 7])
      assert.deepStrictEqual(told.lines, [
        {
          level: "WARN",
          message:
            "the service limits the rate (429): no details were given; nothing gets through, letters wait and are tried every 10s",
          annotations: {}
        }
      ])
    }).pipe(withHttp(() => text("", 429), {}, told))
  })

  it.effect("that is on one call alone ends it after its tries, although others are let through", () =>
    Effect.gen(function* () {
      const others = yield* Effect.forkChild(Effect.forever(Effect.andThen(replay(), Effect.sleep("100 millis"))))
      const fiber = yield* Effect.forkChild(Effect.flip(replay("limited")))
      yield* TestClock.adjust("2 minutes")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.tries], ["MaxRetriesExceeded", 7])
      yield* Fiber.interrupt(others)
    }).pipe(withHttp(({ body }) => (body.includes("limited") ? text("", 429) : json(receipt))))
  )

  it.effect("ends a call at once where no tries after the first are wanted", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.forEach(many, (id) => Effect.result(replay(id)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(many.length)
      const ended = fiber.pollUnsafe()
      yield* Fiber.interrupt(fiber)
      if (ended === undefined || !Exit.isSuccess(ended)) return assert.fail("some calls have not ended")
      assert.strictEqual(ended.value.filter(Result.isSuccess).length, many.length / 2)
      assert.strictEqual((yield* calls).length, many.length)
    }).pipe(
      withHttp((_, index) => late(index, index % 2 === 0 ? json(receipt) : text("", 429)), {
        retry: { maxRetries: 0 }
      })
    )
  )

  it.effect("ends a call whose turn does not come within the time that calls wait in an outage", () => {
    let requests = 0
    return Effect.gen(function* () {
      const others = yield* Effect.forkChild(Effect.forever(Effect.andThen(replay(), Effect.sleep("100 millis"))))
      const fiber = yield* Effect.forkChild(Effect.flip(replay("limited")))
      yield* TestClock.adjust("2 minutes")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "MaxRetriesExceeded")
      const last = (yield* calls).findLast(({ body }) => body.includes("limited"))
      isWithin(last?.at, [60_000, 80_000])
      yield* Fiber.interrupt(others)
    }).pipe(
      withHttp(({ body }) => (body.includes("limited") || ++requests % 3 === 0 ? text("", 429) : json(receipt)), {
        breaker: { maxWait: "1 minute" }
      })
    )
  })
})

describe("Transport: deadlines", () => {
  const never = () => Effect.never

  it.effect("a page has 15 seconds", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(list))
      yield* TestClock.adjust("14999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error, { tries: 1, ambiguous: true })
      assert.strictEqual(error.classification, "MAX_RETRIES_EXCEEDED")
      assert.include(error.message, "none within 15s")
    }).pipe(withHttp(never, { retry: { maxRetries: 0 } }))
  )

  it.effect("a replay has 20 seconds, and is ambiguous when they are over", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(replay()))
      yield* TestClock.adjust("19999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const { ambiguous, reason } = yield* Fiber.join(fiber)
      assert.isTrue(ambiguous)
      assert.isTrue(reason._tag === "MaxRetriesExceeded" && reason.last._tag === "NetworkFailure")
    }).pipe(withHttp(never, { retry: { maxRetries: 0 } }))
  )

  it.effect("every try has its own", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* timeless(replay()), { receipt })
      const [first, second] = yield* pauses
      isWithin(first, [20_160, 20_240])
      isWithin(second, [20_320, 20_480])
    }).pipe(withHttp(then(never, never)))
  )

  it.effect("an answer in time counts, and a 409 that follows a deadline is our own", () =>
    Effect.gen(function* () {
      const error = yield* timeless(Effect.flip(replay()))
      assert.deepInclude(error, { tries: 2, ambiguous: true })
      assert.strictEqual(error.reason._tag, "DuplicateDetected")
    }).pipe(
      withHttp(
        then(
          () => late("21 seconds", json(receipt)),
          () => late("19 seconds", text("", 409))
        )
      )
    )
  )

  it.effect("they are configurable", () =>
    Effect.gen(function* () {
      const both = Effect.all([Effect.flip(list), Effect.flip(replay())], { concurrency: 2 })
      const fiber = yield* Effect.forkChild(both)
      yield* TestClock.adjust("3 seconds")
      const [page, event] = yield* Fiber.join(fiber)
      assert.include(page.message, "none within 2s")
      assert.include(event.message, "none within 3s")
    }).pipe(withHttp(never, { retry: { maxRetries: 0 }, timeouts: { page: "2 seconds", replay: "3 seconds" } }))
  )
})

describe("Transport: rate limit", () => {
  const replays = (count: number) =>
    Effect.forEach(
      Array.from({ length: count }, (_, index) => `evt_${index}`),
      replay,
      { concurrency: "unbounded" }
    )

  it.effect("requests are spaced", () =>
    Effect.gen(function* () {
      yield* timeless(replays(40))
      const sent = yield* times
      assert.lengthOf(sent, 40)
      const start = sent[0] ?? 0
      for (let second = 1; second <= 3; second++) {
        const inTime = sent.filter((at) => at < start + second * 1000).length
        assert.isAtMost(inTime, 10 * (second + 1))
      }
      isWithin((sent.at(-1) ?? 0) - start, [2900, 4000])
    }).pipe(withHttp(then(), { rateLimit: { limit: 10, window: "1 second" } }))
  )

  it.effect("without one they are not", () =>
    Effect.gen(function* () {
      yield* replays(40)
      assert.lengthOf(yield* calls, 40)
    }).pipe(withHttp(then()))
  )
})

describe("Transport: breaker", () => {
  const outage =
    (until: number): Answerer =>
    ({ at }) =>
      at < until ? text("down", 503) : json(receipt)

  const ids = Array.from({ length: 50 }, (_, index) => `evt_${index}`)

  it.effect("ten failures in a row open it; calls wait unsent, and all succeed once the service is back", () => {
    const seen = collectLogs()
    return Effect.gen(function* () {
      const outcomes = yield* timeless(Effect.forEach(ids, (id) => Effect.result(replay(id)), { concurrency: 10 }))
      assert.isTrue(outcomes.every(Result.isSuccess))
      const sent = yield* calls
      const down = sent.filter(({ at }) => at < 60_000)
      // Ten to open it, and then a probe now and then, however many wait.
      assert.isAtLeast(down.length, 10)
      assert.isAtMost(down.length, 40)
      assert.lengthOf(sent, down.length + ids.length)
      // Back soon after the service is.
      isWithin(Math.max(...sent.map(({ at }) => at)), [60_000, 75_000])
      const told = seen.lines.map(({ level, message }) => `${level} ${message}`)
      assert.deepStrictEqual(told, [
        "WARN the service is down: calls wait until it is back",
        "INFO the service is back"
      ])
    }).pipe(withService(outage(60_000), {}, seen))
  })

  it.effect("a wait does not count as a try", () =>
    Effect.gen(function* () {
      yield* timeless(Effect.forEach(ids, replay, { concurrency: 10 }))
      const perLetter = new Map<string, number>()
      for (const { headers } of yield* calls) {
        const key = headers["idempotency-key"] ?? ""
        perLetter.set(key, (perLetter.get(key) ?? 0) + 1)
      }
      assert.strictEqual(perLetter.size, 50)
    }).pipe(withService(outage(200_000), { retry: { maxRetries: 1 } }))
  )

  it.effect("nine failures in a row do not open it", () =>
    Effect.gen(function* () {
      yield* Effect.forEach(ids.slice(0, 9), (id) => Effect.flip(replay(id)))
      assert.deepStrictEqual(yield* replay(), { receipt })
      yield* Effect.forEach(ids.slice(0, 9), (id) => Effect.flip(replay(id)))
      const error = yield* Effect.flip(replay())
      assert.strictEqual(error.classification, "NOT_FOUND")
      assert.lengthOf(yield* calls, 20)
    }).pipe(
      withHttp((_, index) => (index === 9 ? json(receipt) : index === 19 ? text("", 404) : "reset"), {
        retry: { maxRetries: 0 }
      })
    )
  )

  it.effect.each([400, 404, 409, 429])("%d does not open it", (status) =>
    Effect.gen(function* () {
      const errors = yield* Effect.forEach(ids, (id) => Effect.flip(replay(id)))
      assert.isTrue(errors.every(({ tries }) => tries === 1))
      assert.lengthOf(yield* calls, 50)
    }).pipe(withHttp(() => text("", status), { retry: { maxRetries: 0 } }))
  )

  it.effect("longer than maxWait is ServiceUnavailable, for each call that waits", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        Effect.forEach(ids, (id) => Effect.flip(replay(id)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("90 seconds")
      const errors = yield* Fiber.join(fiber)
      for (const { message, reason } of errors) {
        assert.strictEqual(reason._tag, "ServiceUnavailable")
        assert.include(message, "the service is down, and did not come back within 2m")
      }
      assert.isTrue(errors.every(({ reason }) => !reason.isRetryable))
    }).pipe(withService(() => text("down", 503), { breaker: { maxWait: "2 minutes" } }))
  )

  it.effect("a call that starts when the service has long been down waits as long as any other", () =>
    Effect.gen(function* () {
      // Less than the life of a token: a new one would be an answer.
      const first = yield* Effect.forkChild(Effect.flip(replay("first")))
      yield* TestClock.adjust("10 minutes")
      assert.isDefined(first.pollUnsafe())
      const startedAt = yield* Clock.currentTimeMillis
      const fiber = yield* Effect.forkChild(Effect.flip(replay("second")))
      yield* TestClock.adjust("115 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("10 seconds")
      const { message, reason } = yield* Fiber.join(fiber)
      assert.match(message, /the service is down, and did not come back within 2m/)
      if (reason._tag !== "ServiceUnavailable") return assert.fail(reason._tag)
      assert.isAtLeast(reason.waitedMillis, 120_000)
      assert.isAtMost(reason.waitedMillis, (yield* Clock.currentTimeMillis) - startedAt)
    }).pipe(withService(() => text("down", 503), { breaker: { maxWait: "2 minutes" } }))
  )

  it.effect("an outage that asks for longer pauses than this client makes costs no more calls than another", () =>
    Effect.gen(function* () {
      const errors = yield* timeless(Effect.forEach(ids.slice(0, 12), (id) => Effect.flip(replay(id))))
      assert.deepStrictEqual(
        errors.map(({ reason }) => reason._tag),
        [...Array.from({ length: 10 }, () => "RateLimited"), "ServiceUnavailable", "ServiceUnavailable"]
      )
      assert.strictEqual((yield* calls).length, 10)
    }).pipe(withService(() => text("down", 503, { "retry-after": "3600" }), { breaker: { maxWait: "2 minutes" } }))
  )

  it.effect("a call that outlasted an outage has all its tries again", () => {
    let afterwards = 0
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* timeless(replay()), { receipt })
      assert.strictEqual(afterwards, 2)
    }).pipe(
      withService(
        (request) => {
          if (request.at < 60_000) return text("down", 503)
          if (isProbe(request)) return json({ events: [] })
          return ++afterwards === 1 ? text("", 503) : json(receipt)
        },
        { retry: { maxRetries: 1 } }
      )
    )
  })

  it.effect.each<[string, ReadonlyArray<number>, number]>([
    ["was not answered", [], 1],
    ["was answered before the try before the last", [100], 1],
    ["was answered since", [100, 450], 0]
  ])("a call that runs out of tries asks whether the service is alive, where nobody else %s", ([, others, probes]) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(replay("fails")))
      for (const at of others) {
        yield* TestClock.setTime(at)
        yield* replay("passes")
      }
      yield* TestClock.adjust("1 minute")
      const { reason } = yield* Fiber.join(fiber)
      assert.strictEqual(reason._tag, "MaxRetriesExceeded")
      assert.lengthOf((yield* allCalls).filter(isProbe), probes)
    }).pipe(
      withHttp(({ body }) => (body.includes("fails") ? text("", 503) : json(receipt)), { retry: { maxRetries: 2 } })
    )
  )

  it.effect.each(["-2 hours", "30 minutes"] as const)(
    "a clock set by %s meanwhile makes nobody wait longer, or give up",
    (by) => {
      let isDown = true
      return Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.forEach(ids, replay, { concurrency: 10 }))
        yield* TestClock.adjust("1 minute")
        isDown = false
        yield* TestClock.adjust("10 seconds")
        assert.isTrue(Option.exists(Option.fromUndefinedOr(fiber.pollUnsafe()), Exit.isSuccess))
      }).pipe(
        withService(() => (isDown ? text("down", 503) : json({ ...receipt, events: [] }))),
        setClock("30 seconds", by)
      )
    }
  )

  it.effect("a probe that is put off for hours holds back no call for longer than the cap", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(replay())
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed({ receipt }))
      const [first, second = 0] = (yield* allCalls).filter(isProbe).map(({ at }) => at)
      isWithin(first, [500, 1_000])
      isWithin(second - (first ?? 0), [119_999, 121_000])
    }).pipe(
      withService(
        (request) => {
          if (isProbe(request)) return text("", 429, { "retry-after": "7200" })
          return request.at < 60_000 ? text("down", 503) : json(receipt)
        },
        { breaker: { failures: 1 } }
      )
    )
  )

  it.effect("a probe goes out with the token current at that time", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* timeless(replay()), { receipt })
      const tokens = (yield* allCalls).filter(isProbe).map(({ at, headers }) => [at < 60_000, headers["authorization"]])
      assert.deepStrictEqual(tokens[0], [true, "Bearer token-1"])
      assert.deepStrictEqual(tokens.at(-1), [false, "Bearer token-2"])
    }).pipe(
      Effect.provide(layerHttp()),
      Effect.provide(
        layerWire(
          withTokens(({ at }) => (at < 150_000 ? text("down", 503) : json({ ...receipt, events: [] })), {
            expires_in: 90
          })
        )
      ),
      Effect.provide(logs.layer)
    )
  )

  it.effect("the threshold is configurable", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(replay())
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), { receipt })
      const [, probe] = yield* times
      // Opened by the first failure, for half a second.
      isWithin(probe, [500, 700])
    }).pipe(
      withHttp(
        then(() => text("", 503)),
        { breaker: { failures: 1 }, retry: { maxRetries: 0 } }
      )
    )
  )

  it.effect("a call that is interrupted while it waits leaves the others alone", () =>
    Effect.gen(function* () {
      const fibers = yield* Effect.forEach(ids, (id) => Effect.forkChild(replay(id)))
      yield* TestClock.adjust("10 seconds")
      for (const fiber of fibers.slice(0, 25)) yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("2 minutes")
      for (const fiber of fibers.slice(25)) assert.deepStrictEqual(yield* Fiber.join(fiber), { receipt })
    }).pipe(withService(outage(30_000)))
  )
})
