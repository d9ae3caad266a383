import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { Replay, type RunRequest } from "../../src/index.ts"
import { setClock } from "../services/Support.ts"
import { start } from "./support/ForeignServer.ts"
import {
  addsUp,
  auditRecords,
  count,
  drive,
  driven,
  key,
  keys,
  letter,
  letters,
  listRoute,
  onEmulator,
  onServer,
  once,
  putRoute,
  slowService,
  stats,
  steps,
  tokenRoute,
  topicId
} from "./support/Harness.ts"

const jsonOf = (entries: ReadonlyArray<unknown>): ReadonlyArray<string> => entries.map((entry) => JSON.stringify(entry))

describe("the letters of a run", () => {
  it.effect("are counted up to the limit, and no page is read beyond it", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const report = yield* replay.run({ topicId, limit: 23, pageSize: 10 })
      assert.deepStrictEqual([report.status, report.letters, report.success], ["completed", 23, 23])
      const seen = yield* stats
      assert.deepStrictEqual(seen.deliveries, once(keys(23)))
      // The page with the last of them, and the one ahead of it.
      assert.isAtMost(count(seen.requests, listRoute), 4)
      assert.strictEqual((yield* auditRecords).length, 23)
    }).pipe(Effect.provide(onEmulator({ queue: letters(100) })))
  )

  it.effect.each(["-2 hours", "2 hours"] as const)(
    "have the right duration even if the clock is set by %s meanwhile",
    (by) =>
      Effect.gen(function* () {
        const replay = yield* Replay
        const report = yield* driven(replay.run({ topicId, concurrency: 4 }))
        assert.strictEqual(report.success, 40)
        assert.isAtLeast(report.seconds, 1)
        assert.isAtMost(report.seconds, 2)
      }).pipe(Effect.provide(onEmulator(slowService().options)), setClock("500 millis", by))
  )

  it.effect.each(["-2 hours", "2 hours"] as const)(
    "keep to a rate limit, and wait no longer for it if the clock is set by %s meanwhile",
    (by) =>
      Effect.gen(function* () {
        const replay = yield* Replay
        const fiber = yield* Effect.forkChild(replay.run({ topicId, concurrency: 2 }))
        yield* drive(fiber, { until: steps(600) })
        const exit = fiber.pollUnsafe()
        assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
        const { seconds, success } = yield* Fiber.join(fiber)
        assert.strictEqual(success, 40)
        // 42 requests, of which 5 need not wait.
        assert.isAtLeast(seconds, 7)
      }).pipe(
        Effect.provide(onEmulator({ queue: letters(40) }, { rateLimit: { limit: 5, window: "1 second" } })),
        setClock("3 seconds", by)
      )
  )

  it.effect("count towards the limit when they are selected, sent or not", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const report = yield* replay.run({ topicId, limit: 4, failureReason: "502", pageSize: 3 })
      assert.isTrue(addsUp(report))
      // 0 is sent, 1 is not selected, 2 has no payload, 3 is not selected, 4 and 5 are sent.
      assert.deepStrictEqual((yield* stats).deliveries, once([0, 4, 5].map(key)))
      assert.deepStrictEqual(report.bySkipReason, { NOT_SELECTED: 2, PAYLOAD_MISSING: 1 })
      assert.strictEqual(report.letters, 6)
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(20).map((each, index) =>
            index === 1 || index === 3
              ? letter(index, { failureReason: "timeout" })
              : index === 2
                ? letter(2, { payload: null })
                : each
          )
        })
      )
    )
  )

  it.effect(
    "are those whose failure reason contains a text and that a predicate accepts; the others are recorded",
    () =>
      Effect.gen(function* () {
        const replay = yield* Replay
        const report = yield* replay.run({
          topicId,
          failureReason: "imed o",
          select: ({ payload }) => JSON.stringify(payload).includes("keep")
        })
        assert.deepStrictEqual((yield* stats).deliveries, once([2, 3].map(key)))
        assert.deepStrictEqual([report.success, report.skipped, report.failed], [2, 4, 0])
        assert.deepStrictEqual(report.bySkipReason, { NOT_SELECTED: 4 })
        assert.deepStrictEqual(report.byFailureReason, {
          "HTTP 502": 1,
          "timed out": 3,
          "Timed out": 1,
          "(none given)": 1
        })
        const records = yield* auditRecords
        assert.strictEqual(records.length, 6)
        const left = records.filter(({ error_classification }) => error_classification === "NOT_SELECTED")
        assert.deepStrictEqual(
          new Set(left.map(({ event_id }) => event_id)),
          new Set(["evt_0", "evt_1", "evt_4", "evt_5"])
        )
        assert.isTrue(left.every(({ status }) => status === "SKIPPED"))
      }).pipe(
        Effect.provide(
          onEmulator({
            queue: [
              letter(0, { payload: "keep", failureReason: "HTTP 502" }),
              letter(1, { payload: "drop", failureReason: "timed out" }),
              letter(2, { payload: "keep", failureReason: "timed out" }),
              letter(3, { payload: ["keep"], failureReason: "timed out" }),
              letter(4, { payload: "keep", failureReason: null }),
              letter(5, { payload: "drop", failureReason: "Timed out" })
            ]
          })
        )
      )
  )

  it.effect("have an outcome each, in the stream of them", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const outcomes = yield* Stream.runCollect(replay.stream({ topicId }))
      assert.strictEqual(outcomes.length, 200)
      assert.strictEqual(new Set(outcomes.map(({ eventId }) => eventId)).size, 200)
      const accepted = outcomes.flatMap((outcome) => (outcome._tag === "Accepted" ? [outcome.idempotencyKey] : []))
      assert.deepStrictEqual((yield* stats).deliveries, once(accepted))
      assert.strictEqual(outcomes.filter(({ _tag }) => _tag === "Skipped").length, 200 - accepted.length)
      assert.isBelow(accepted.length, 200)
    }).pipe(Effect.provide(onEmulator({ letters: 200, pastRetries: 0.1, pages: "ragged" })))
  )

  it.effect("may be none", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const report = yield* replay.run({ topicId })
      assert.deepStrictEqual([report.status, report.letters, report.stopped], ["completed", 0, { pages: 1 }])
      assert.deepStrictEqual(report.latencyMs, { p50: 0, p95: 0, p99: 0 })
    }).pipe(Effect.provide(onEmulator({ letters: 0 })))
  )

  it.live.each([1, 4, 16])("are on their way %d at once", (concurrency) =>
    Effect.gen(function* () {
      const server = yield* start({
        topicId,
        pages: [jsonOf(letters(30)), [], jsonOf(letters(48).slice(30))],
        delay: () => (concurrency === 1 ? 10 : 100)
      })
      const report = yield* Effect.flatMap(Replay, (replay) => replay.run({ topicId, concurrency })).pipe(
        Effect.provide(onServer(server.url))
      )
      assert.strictEqual(report.success, 48)
      assert.strictEqual(server.maxInFlight(), concurrency)
    })
  )

  it.live("are on their way 16 at once by default", () =>
    Effect.gen(function* () {
      const server = yield* start({ topicId, pages: [jsonOf(letters(60))], delay: () => 100 })
      yield* Effect.flatMap(Replay, (replay) => replay.run({ topicId })).pipe(Effect.provide(onServer(server.url)))
      assert.strictEqual(server.maxInFlight(), 16)
    })
  )
})

describe("before anything is sent", () => {
  it.effect("every option that is out of range is named", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const wrong = { pageSize: 0, maxAttempts: -1, limit: 1.5, concurrency: Number.NaN }
      const error = yield* Effect.flip(replay.run(wrong))
      assert.strictEqual(error._tag, "InvalidReplayOptions")
      for (const name of ["topicId", "pageSize", "maxAttempts", "limit", "concurrency"]) {
        assert.include(error.message, name)
      }
      assert.strictEqual(error._tag === "InvalidReplayOptions" && error.issues.length, 5)
      const planError = yield* Effect.flip(replay.plan(wrong))
      assert.strictEqual(planError._tag === "InvalidReplayOptions" && planError.issues.length, 4)
      for (const odd of ["", "  ", ".", "..", "\ud800"]) {
        assert.strictEqual((yield* Effect.flip(replay.run({ topicId: odd })))._tag, "InvalidReplayOptions")
      }
      assert.deepStrictEqual((yield* stats).requests, {})
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect.each([
    "http://hooks.example.com/in",
    "https://evil.example.org/in",
    "https://127.0.0.1/in",
    "https://169.254.169.254/latest/meta-data",
    "https://[::ffff:10.0.0.1]/",
    "https://2130706433/",
    "https://user:secret@hooks.example.com/in",
    "not a url"
  ])("a destination that is not allowed is refused: %s", (destination) =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const error = yield* Effect.flip(replay.run({ topicId, destination }))
      assert.strictEqual(error._tag, "DestinationForbidden")
      assert.notInclude(error.message, "secret")
      assert.strictEqual((yield* Effect.flip(replay.plan({ topicId, destination })))._tag, "DestinationForbidden")
      assert.deepStrictEqual((yield* stats).requests, {})
      assert.deepStrictEqual(yield* auditRecords, [])
    }).pipe(Effect.provide(onEmulator({}, { destinations: { allowedHosts: ["hooks.example.com"] } })))
  )

  it.effect.each([
    [["eventbridge:read"], "eventbridge:write"],
    [["eventbridge:write"], "eventbridge:read"],
    [["eventbridge:subscriptions:read"], "eventbridge:read eventbridge:write"]
  ] as const)("a token that lacks a scope is refused (%#)", ([scopes, missing]) =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const error = yield* Effect.flip(replay.run({ topicId }))
      assert.strictEqual(error._tag, "EventBridgeError")
      assert.strictEqual(error._tag === "EventBridgeError" && error.reason._tag, "Forbidden")
      assert.include(error.message, missing)
      assert.include(error._tag === "EventBridgeError" ? error.hint : "", missing)
      assert.deepStrictEqual((yield* stats).requests, { [tokenRoute]: { "200": 1 } })
    }).pipe(Effect.provide(onEmulator({ scopes })))
  )

  it.effect("options that would do harm are refused, and nothing is sent", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const issuesOf = (request: RunRequest) =>
        Effect.map(Effect.flip(replay.run({ topicId, ...request })), (error) =>
          error._tag === "InvalidReplayOptions" ? error.issues : assert.fail(error._tag)
        )
      assert.deepStrictEqual(yield* issuesOf({ concurrency: 10_001 }), ["concurrency must be at most 10000, not 10001"])
      // An unset variable of a script must not stand for every letter.
      for (const failureReason of ["", " "]) {
        assert.deepStrictEqual(yield* issuesOf({ failureReason }), [
          "failureReason must be a non-blank string: nearly every reason contains a space"
        ])
      }
      for (const gracePeriod of [-1, Number.NaN, { seconds: Number.NaN }]) {
        assert.deepStrictEqual(yield* issuesOf({ gracePeriod }), [
          "gracePeriod must be a duration of 0 or more, such as 10 seconds"
        ])
      }
      for (const runId of ["r".repeat(241), "ü".repeat(41)]) {
        const [issue, ...others] = yield* issuesOf({ runId })
        assert.match(issue ?? "", /^runId is too long: at most 240 letters and digits/)
        assert.deepStrictEqual(others, [])
      }
      for (const runId of [".", ".."]) {
        assert.deepStrictEqual(yield* issuesOf({ runId }), [`runId must not be "${runId}"`])
      }
      assert.deepStrictEqual(yield* issuesOf({ runId: "run-\ud800" }), ["runId must not hold half a surrogate pair"])
      assert.deepStrictEqual((yield* stats).requests, {})
      yield* replay.run({ topicId, runId: "r".repeat(240), concurrency: 10_000, gracePeriod: "Infinity" })
    }).pipe(Effect.provide(onEmulator({ queue: letters(3) })))
  )

  it.effect("options of a type that they cannot have are refused, as untyped code may give them", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const odd: ReadonlyArray<unknown> = [null, true, {}, [], 5n, Number.NaN, -1, "5 letters", ""]
      const names = [
        "failureReason",
        "limit",
        "maxAttempts",
        "maxFailureShare",
        "orderBy",
        "orderOnFailure",
        "pageSize"
      ]
      for (const name of [...names, "concurrency", "runId", "select"]) {
        const isText = name === "failureReason" || name === "runId"
        for (const value of odd.filter((each) => !isText || each !== "5 letters")) {
          const request: RunRequest = Object.assign({ topicId }, { [name]: value })
          const error = yield* Effect.flip(replay.run(request))
          assert.strictEqual(error._tag, "InvalidReplayOptions", `${name}: ${String(value)}`)
          assert.isTrue(error.message.startsWith(`${name} must be `), error.message)
        }
      }
      assert.deepStrictEqual((yield* stats).requests, {})
    }).pipe(Effect.provide(onEmulator()))
  )

  it.effect("a plan needs no right to write", () =>
    Effect.gen(function* () {
      const plan = yield* Effect.flatMap(Replay, (replay) => replay.plan({ topicId }))
      assert.strictEqual(plan.toSend, 10)
    }).pipe(Effect.provide(onEmulator({ queue: letters(10), scopes: ["eventbridge:read"] })))
  )

  it.effect("wrong credentials stop the run", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.flatMap(Replay, (replay) => replay.run({ topicId })))
      assert.strictEqual(error._tag === "EventBridgeError" && error.reason._tag, "Unauthorized")
      assert.deepStrictEqual((yield* stats).requests, { [tokenRoute]: { "401": 1 } })
    }).pipe(Effect.provide(onEmulator({ clientSecret: "another" })))
  )
})

describe("a destination override", () => {
  it.live.each(["request", "configuration"] as const)("from the %s is in the body and in the audit", (from) =>
    Effect.gen(function* () {
      const destination = "https://hooks.example.com/in?tenant=a%20b"
      const server = yield* start({ topicId, pages: [jsonOf(letters(3))] })
      const records = yield* Effect.gen(function* () {
        yield* (yield* Replay).run({ topicId, ...(from === "request" ? { destination } : {}) })
        return yield* auditRecords
      }).pipe(
        Effect.provide(
          onServer(server.url, {
            destinations: { allowedHosts: ["*.example.com"] },
            ...(from === "configuration" ? { destination } : {})
          })
        )
      )
      assert.strictEqual(server.bodies.size, 3)
      for (const body of server.bodies.values()) {
        assert.include(
          body,
          `"routingDirective":{"destinationOverride":"${destination}","preserveOriginalTopic":false}`
        )
      }
      assert.deepStrictEqual(new Set(records.map((record) => record.destination)), new Set([destination]))
    })
  )
})

describe("a plan", () => {
  const queue = [
    letter(0, { payload: "é" }),
    letter(1, { payload: null, failureReason: undefined }),
    letter(2, { retryCount: 9 }),
    null,
    letter(4, { payload: "x".repeat(262_143) }),
    letter(5, { failureReason: "TLS", payload: { n: 1 } }),
    letter(6)
  ]

  it.effect("counts what a run would do, and sends nothing", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      const plan = yield* replay.plan({ topicId, pageSize: 2 })
      assert.deepStrictEqual(plan, {
        topicId,
        letters: 7,
        toSend: 3,
        toSkip: 4,
        bySkipReason: { PAYLOAD_MISSING: 1, MAX_ATTEMPTS_REACHED: 1, UNREADABLE_LETTER: 1, PAYLOAD_TOO_LARGE: 1 },
        byFailureReason: { "HTTP 502 Bad Gateway": 4, "(none given)": 2, TLS: 1 },
        payloadBytes: 4 + `{"n":1}`.length + `{"index":6}`.length,
        pages: 4
      })
      const seen = yield* stats
      assert.strictEqual(count(seen.requests, putRoute), 0)
      assert.deepStrictEqual(yield* auditRecords, [])

      const limited = yield* replay.plan({ topicId, pageSize: 2, limit: 2 })
      assert.deepStrictEqual([limited.letters, limited.toSend, limited.pages], [2, 1, 1])
      const selected = yield* replay.plan({ topicId, failureReason: "TLS" })
      assert.deepStrictEqual([selected.letters, selected.toSend, selected.bySkipReason["NOT_SELECTED"]], [7, 1, 5])

      const report = yield* replay.run({ topicId, pageSize: 2 })
      assert.deepStrictEqual(
        [report.letters, report.success, report.skipped, report.bySkipReason, report.byFailureReason],
        [plan.letters, plan.toSend, plan.toSkip, plan.bySkipReason, plan.byFailureReason]
      )
    }).pipe(Effect.provide(onEmulator({ queue })))
  )

  it.effect("survives what a run survives", () =>
    Effect.gen(function* () {
      const plan = yield* driven(Effect.flatMap(Replay, (replay) => replay.plan({ topicId })))
      assert.strictEqual(plan.toSend, 500)
      assert.strictEqual((yield* stats).retryAfterViolations, 0)
    }).pipe(
      Effect.provide(
        onEmulator({
          letters: 500,
          pages: "ragged",
          faults: { seed: 9, rates: { "5xx": { rate: 0.1 }, "429": { rate: 0.1 }, "reset-after": { rate: 0.1 } } }
        })
      )
    )
  )
})
