import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Metric, Redacted, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { EventBridgeConfig, type EventBridgeOptions, Metrics, Notifier, type NotifierOptions } from "../../src/index.ts"
import { driven } from "../workflows/support/Harness.ts"
import {
  type Answerer,
  collectLogs,
  json,
  late,
  layerWire,
  options,
  record,
  setClock,
  text,
  verified,
  webhookSecret,
  Wire
} from "./Support.ts"

const monitoringUrl = "https://monitor.example.com/hooks/k3y?token=t0ken"

const signed = { monitoringUrl, monitoringSecret: Redacted.make(webhookSecret) }

const withNotifier = (
  answerer: Answerer,
  notifier: NotifierOptions = {},
  { layer } = collectLogs(),
  overrides: Partial<EventBridgeOptions> = { monitoringUrl }
) => {
  const services = Notifier.layerWith(notifier).pipe(
    Layer.provide(Metrics.layer),
    Layer.provide(EventBridgeConfig.layer({ ...options, ...overrides }))
  )
  const wire = layerWire(answerer)
  return <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provide(services), Effect.provide(wire), Effect.provide(layer))
}

const start = Effect.flatMap(Notifier, (notifier) => notifier.start)

const sent = Effect.map(Wire, (wire) => wire.sent)

const ids = (count: number) => Array.from({ length: count }, (_, index) => `evt_${index}`)

/** Apart from the counts of other tests. */
const apart = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

/** The notifications by result, as the metrics have them. */
const counted = Effect.map(Metric.snapshot, (metrics) => {
  const counts: Record<string, unknown> = { delivered: 0, failed: 0, dropped: 0 }
  for (const metric of metrics) {
    if (metric.type === "Counter") counts[metric.attributes?.["result"] ?? ""] = metric.state.count
  }
  return counts
})

const ok: Answerer = () => json({})
const never: Answerer = () => Effect.never

describe("Notifier", () => {
  it.effect("posts each record to the webhook, as the contract has it", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      yield* notify([record("evt_1")])
      yield* notify([record("evt_2", "FAILED")])
      assert.deepStrictEqual(yield* drain, { delivered: 2, failed: 0, dropped: 0 })
      const requests = yield* sent
      assert.deepStrictEqual(
        requests.map(({ method, url }) => [method, url.href]),
        [
          ["POST", monitoringUrl],
          ["POST", monitoringUrl]
        ]
      )
      assert.strictEqual(
        requests[0]?.body,
        `{"source":"cxone-eventbridge-replayer","type":"replay_status_update","data":${JSON.stringify(record("evt_1"))}}`
      )
      assert.match(requests[0]?.headers["content-type"] ?? "", /^application\/json\b/)
      assert.notProperty(requests[0]?.headers, "authorization")
    }).pipe(withNotifier(() => text("", 204)))
  )

  it.effect("a slow webhook does not delay the caller", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      // No time passes here: whatever waited would wait for ever.
      for (const id of ids(1000)) yield* notify([record(id)])
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(draining.pollUnsafe())
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* Fiber.join(draining), { delivered: 1000, failed: 0, dropped: 0 })
    }).pipe(withNotifier(() => late("500 millis", json({})), { concurrency: 64 }))
  )

  it.effect("no more requests at once than allowed", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(100)) yield* notify([record(id)])
      yield* TestClock.adjust("1 millis")
      assert.lengthOf(yield* sent, 8)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* sent, 16)
      yield* driven(drain)
    }).pipe(withNotifier(() => late("1 second", json({}))))
  )

  it.effect("the queue is bounded: what does not fit is dropped and counted", () => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(30)) yield* notify([record(id)])
      const counts = yield* drain
      assert.deepStrictEqual(counts, { delivered: 10, failed: 0, dropped: 20 })
      assert.lengthOf(yield* sent, 10)
      assert.deepStrictEqual(
        logs.lines.map(({ level, message }) => [level, message]),
        [["WARN", "the monitoring webhook: 0 records not accepted, 20 never sent"]]
      )
    }).pipe(withNotifier(ok, { queueSize: 10 }, logs))
  })

  it.effect("drain waits 10 seconds, then gives up the rest", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(100)) yield* notify([record(id)])
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(draining.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const counts = yield* Fiber.join(draining)
      // What was under way was sent, whether it arrived or not.
      assert.deepStrictEqual(counts, { delivered: 16, failed: 8, dropped: 76 })
      const before = (yield* sent).length
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* sent, before)
    }).pipe(withNotifier(() => late("4 seconds", json({}))))
  )

  it.effect("drain returns as soon as everything is sent, and at once when there was nothing", () =>
    Effect.gen(function* () {
      const idle = yield* start
      assert.deepStrictEqual(yield* idle.drain, { delivered: 0, failed: 0, dropped: 0 })
      const { drain, notify } = yield* start
      yield* notify([record()])
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(draining), { delivered: 1, failed: 0, dropped: 0 })
    }).pipe(withNotifier(() => late("2 seconds", json({}))))
  )

  it.effect.each<[string, Answerer, string, number]>([
    ["500", () => text("<h1>oops</h1>", 500), "it answered 500", 7],
    ["425", () => text("", 425), "it answered 425", 7],
    ["302", () => text("", 302), "it answered 302", 1],
    ["reset", () => "reset", "read ECONNRESET", 7],
    ["silence", never, "no answer within 5s", 7]
  ])("a webhook that does not take records (%s) is counted, and told once", ([, answerer, problem, tries]) => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(16)) yield* notify([record(id)])
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(draining), { delivered: 0, failed: 16, dropped: 0 })
      assert.lengthOf(yield* sent, 16 * tries)
      assert.deepStrictEqual(
        logs.lines.map(({ level, message }) => [level, message]),
        [
          ["WARN", `the monitoring webhook does not accept records: ${problem}`],
          ["WARN", `the monitoring webhook: 16 records not accepted, 0 never sent; the last failure: ${problem}`]
        ]
      )
    }).pipe(withNotifier(answerer, { concurrency: 16, drainTimeout: "1 minute" }, logs))
  })

  it.effect("one that fails and recovers gets all records", () => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(10)) yield* notify([record(id)])
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(draining), { delivered: 10, failed: 0, dropped: 0 })
      assert.lengthOf(yield* sent, 13)
      assert.deepStrictEqual(logs.lines, [])
    }).pipe(withNotifier((_, index) => (index < 2 ? text("", 503) : index === 2 ? "reset" : json({})), {}, logs))
  })

  it.effect("one that is down gets few requests, and the waiting records when it is back", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(1000)) yield* notify([record(id)])
      yield* TestClock.adjust("30 seconds")
      // Eight records at a time, seven tries each in some 13 s.
      assert.isAtMost((yield* sent).length, 8 * 7 * 3)
      yield* TestClock.adjust("30 seconds")
      const counts = yield* drain
      assert.isAtMost(counts.failed, 8 * 3)
      assert.deepStrictEqual(counts, { delivered: 1000 - counts.failed, failed: counts.failed, dropped: 0 })
    }).pipe(withNotifier(({ at }) => (at < 30_000 ? text("", 503) : json({}))))
  )

  it.effect("a pause it asks for is kept by all records", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(3)) yield* notify([record(id)])
      yield* TestClock.adjust("59 seconds")
      assert.lengthOf(yield* sent, 1)
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(draining), { delivered: 3, failed: 0, dropped: 0 })
      assert.deepStrictEqual(
        (yield* sent).map(({ at }) => at),
        [0, 60_000, 60_000, 60_000]
      )
    }).pipe(
      withNotifier((_, index) => (index === 0 ? text("", 429, { "retry-after": "60" }) : json({})), { concurrency: 1 })
    )
  )

  it.effect.each(["-2 hours", "2 hours"] as const)("a pause is as long where the clock is set by %s meanwhile", (by) =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(3)) yield* notify([record(id)])
      yield* TestClock.adjust("50 seconds")
      yield* notify([record("evt_3")])
      yield* TestClock.adjust("9 seconds")
      assert.lengthOf(yield* sent, 1)
      yield* TestClock.adjust("2 seconds")
      assert.lengthOf(yield* sent, 5)
      assert.deepStrictEqual(yield* drain, { delivered: 4, failed: 0, dropped: 0 })
    }).pipe(
      withNotifier((_, index) => (index === 0 ? text("", 429, { "retry-after": "60" }) : json({})), { concurrency: 2 }),
      setClock("30 seconds", by)
    )
  )

  it.effect("a pause above the cap gives the record up, and the next one waits as long as the cap", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(2)) yield* notify([record(id)])
      yield* TestClock.adjust("119 seconds")
      assert.lengthOf(yield* sent, 1)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* drain, { delivered: 1, failed: 1, dropped: 0 })
    }).pipe(
      withNotifier((_, index) => (index === 0 ? text("", 429, { "retry-after": "86400" }) : json({})), {
        concurrency: 1
      })
    )
  )

  it.effect("what the URL carries is not logged", () => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      const { drain, notify } = yield* start
      yield* notify([record()])
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(draining), { failed: 1 })
      assert.isAbove(logs.lines.length, 0)
      assert.notInclude(JSON.stringify(logs.lines), "t0ken")
      assert.notInclude(JSON.stringify(logs.lines), "k3y")
    }).pipe(withNotifier(() => "reset", {}, logs))
  })

  it.effect("runs are counted apart", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* start, yield* start]
      yield* one.notify([record("evt_1")])
      yield* two.notify([record("evt_2")])
      yield* two.notify([record("evt_3")])
      assert.deepStrictEqual(yield* one.drain, { delivered: 1, failed: 0, dropped: 0 })
      assert.deepStrictEqual(yield* two.drain, { delivered: 2, failed: 0, dropped: 0 })
    }).pipe(withNotifier(ok))
  )

  it.effect("the end of the scope drains as well, for as long, and no longer", () => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      const run = yield* Effect.forkChild(
        Effect.scoped(
          Effect.flatMap(start, ({ notify }) =>
            Effect.andThen(
              Effect.forEach(ids(100), (id) => notify([record(id)])),
              Effect.never
            )
          )
        )
      )
      yield* TestClock.adjust("1 second")
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(run))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(interrupting.pollUnsafe())
      assert.lengthOf(logs.lines, 0)
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual(
        logs.lines.map(({ message }) => message),
        ["the monitoring webhook: 8 records not accepted, 76 never sent"]
      )
      assert.deepStrictEqual(yield* counted, { delivered: 16, failed: 8, dropped: 76 })
      const before = (yield* sent).length
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* sent, before)
    }).pipe(
      withNotifier(() => late("4500 millis", json({})), {}, logs),
      apart
    )
  })

  it.effect("a drain that is interrupted is continued when the scope ends, and nothing is counted twice", () =>
    Effect.gen(function* () {
      const run = yield* Effect.forkChild(
        Effect.scoped(
          Effect.flatMap(start, ({ drain, notify }) =>
            Effect.andThen(
              Effect.forEach(ids(100), (id) => notify([record(id)])),
              drain
            )
          )
        )
      )
      yield* TestClock.adjust("6 seconds")
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(run))
      yield* TestClock.adjust("3999 millis")
      assert.isUndefined(interrupting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(interrupting.pollUnsafe())
      assert.deepStrictEqual(yield* counted, { delivered: 16, failed: 8, dropped: 76 })
    }).pipe(
      withNotifier(() => late("4500 millis", json({}))),
      apart
    )
  )

  it.effect.prop(
    "whatever becomes of them, and whenever it ends, all records are counted, once",
    [
      Schema.Array(Schema.Literals(["ok", "500", "404", "reset", "late", "never", "pause"])).check(
        Schema.isMinLength(1),
        Schema.isMaxLength(12)
      ),
      Schema.Natural.check(Schema.isLessThanOrEqualTo(40)),
      Schema.Natural.check(Schema.isLessThanOrEqualTo(30_000))
    ],
    ([fates, count, wait]) => {
      const answers = {
        ok: json({}),
        "500": text("", 500),
        "404": text("", 404),
        reset: "reset" as const,
        late: late("700 millis", json({})),
        never: Effect.never,
        pause: text("", 429, { "retry-after": "3" })
      }
      return Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { drain, notify } = yield* Scope.provide(start, scope)
        for (const id of ids(count)) yield* notify([record(id)])
        yield* TestClock.adjust(wait)
        const draining = yield* Effect.forkChild(drain)
        yield* TestClock.adjust("10 seconds")
        const counts = yield* Fiber.join(draining)
        assert.strictEqual(counts.delivered + counts.failed + counts.dropped, count)
        yield* notify([record("evt_late")])
        const told = (yield* sent).map(({ body }) => body)
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(yield* counted, { ...counts, dropped: counts.dropped + 1 })
        assert.isAtLeast(new Set(told).size, counts.delivered + counts.failed)
        assert.isAtMost(counts.delivered, told.length)
      }).pipe(
        withNotifier((_, index) => answers[fates[index % fates.length] ?? "ok"], { queueSize: 20, concurrency: 3 }),
        apart
      )
    },
    { arbitrary: { runs: 60 } }
  )

  it.effect("without a monitoring URL nobody is notified, and nothing is counted", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(3)) yield* notify([record(id)])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* drain, { delivered: 0, failed: 0, dropped: 0 })
      assert.lengthOf(yield* sent, 0)
    }).pipe(withNotifier(ok, {}, collectLogs(), {}))
  )

  it.effect("signed, a receiver verifies each try, and knows a record that is tried again", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.now())
      const { drain, notify } = yield* start
      yield* notify([record("evt_é \u{1f600} 1")])
      yield* notify([record("evt_2", "EXHAUSTED")])
      assert.deepInclude(yield* driven(drain), { delivered: 2, failed: 0 })
      const requests = yield* sent
      assert.lengthOf(requests, 4)
      for (const request of requests) assert.deepStrictEqual(yield* verified(request), JSON.parse(request.body))
      const idOf = new Map(requests.map(({ body, headers }) => [body, headers["webhook-id"]]))
      assert.lengthOf(new Set(idOf.values()), 2)
      for (const { body, headers } of requests) assert.strictEqual(headers["webhook-id"], idOf.get(body))
    }).pipe(withNotifier((_, index) => (index < 2 ? text("", 503) : json({})), {}, undefined, signed))
  )

  it.effect("a record sent again by a process that resumes the run is the same message; no other is", () =>
    Effect.gen(function* () {
      const first = record("evt_1")
      const { drain, notify } = yield* start
      yield* notify([first])
      yield* notify([{ ...first, timestamp: "2024-05-11T09:20:00.000Z", latency_ms: 7, detail: "accepted; resumed" }])
      yield* notify([{ ...first, status: "EXHAUSTED" }])
      yield* notify([{ ...first, run_id: "run-2" }])
      yield* notify([{ ...first, idempotency_key: "replay-evt_1-v2" }])
      yield* driven(drain)
      const idsSent = (yield* sent).map(({ headers }) => headers["webhook-id"] ?? "")
      assert.lengthOf(idsSent, 5)
      assert.lengthOf(new Set(idsSent), 4)
      for (const id of idsSent) assert.match(id, /^[0-9a-f]{64}$/)
    }).pipe(withNotifier(ok, { drainTimeout: "1 hour" }, undefined, signed))
  )

  it.effect("options that would deliver nothing, or wait for nothing, are refused, all of them at once", () =>
    Effect.gen(function* () {
      const wrong = { concurrency: 0, drainTimeout: -1, queueSize: Number.NaN, timeout: { seconds: Number.NaN } }
      const layer = Notifier.layerWith(wrong).pipe(
        Layer.provide(Metrics.layer),
        Layer.provide(EventBridgeConfig.layer({ ...options, monitoringUrl })),
        Layer.provide(layerWire(ok))
      )
      const error = yield* Effect.flip(Effect.provide(start, layer))
      assert.strictEqual(
        error.message,
        [
          "concurrency: must be a whole number above 0",
          "drainTimeout: must be a finite duration of 0 or more, such as 10 seconds",
          "queueSize: must be a whole number above 0",
          "timeout: must be a finite duration above 0, such as 30 seconds"
        ].join("\n")
      )
    })
  )
})
