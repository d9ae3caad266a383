import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { EventBridgeConfig, type EventBridgeOptions, Metrics, Notifier, type NotifierOptions } from "../../src/index.ts"
import { type Answerer, collectLogs, json, late, layerWire, options, record, text, Wire } from "./Support.ts"

const monitoringUrl = "https://monitor.example.com/hooks/k3y?token=t0ken"

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

const ok: Answerer = () => json({})
const never: Answerer = () => Effect.never

describe("Notifier", () => {
  it.effect("posts each record to the webhook, as the contract has it", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      yield* notify(record("evt_1"))
      yield* notify(record("evt_2", "FAILED"))
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

  it.effect("a slow webhook does not delay the one who notifies", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      // No time passes here: whatever waited would wait for ever.
      for (const id of ids(1000)) yield* notify(record(id))
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(draining.pollUnsafe())
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* Fiber.join(draining), { delivered: 1000, failed: 0, dropped: 0 })
    }).pipe(withNotifier(() => late("500 millis", json({})), { concurrency: 64 }))
  )

  it.effect("so many requests at once and no more", () =>
    Effect.gen(function* () {
      const { notify } = yield* start
      for (const id of ids(100)) yield* notify(record(id))
      yield* TestClock.adjust("1 millis")
      assert.lengthOf(yield* sent, 8)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* sent, 16)
    }).pipe(withNotifier(() => late("1 second", json({}))))
  )

  it.effect("the queue is bounded: what does not fit is dropped and counted", () => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(30)) yield* notify(record(id))
      const counts = yield* drain
      assert.deepStrictEqual(counts, { delivered: 10, failed: 0, dropped: 20 })
      assert.lengthOf(yield* sent, 10)
      assert.deepStrictEqual(
        logs.lines.map(({ level, message }) => [level, message]),
        [["WARN", "the monitoring webhook: 0 records refused, 20 never sent"]]
      )
    }).pipe(withNotifier(ok, { queueSize: 10 }, logs))
  })

  it.effect("drain waits 10 seconds, then drops the rest", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(100)) yield* notify(record(id))
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(draining.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const counts = yield* Fiber.join(draining)
      assert.strictEqual(counts.delivered + counts.failed + counts.dropped, 100)
      assert.strictEqual(counts.delivered, 16)
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
      yield* notify(record())
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(draining), { delivered: 1, failed: 0, dropped: 0 })
    }).pipe(withNotifier(() => late("2 seconds", json({}))))
  )

  it.effect.each<[string, Answerer, string]>([
    ["500", () => text("<h1>oops</h1>", 500), "it answered 500"],
    ["302", () => text("", 302), "it answered 302"],
    ["reset", () => "reset", "monitoring"],
    ["silence", never, "no answer within 5s"]
  ])("a webhook that does not take records (%s) is counted, and told once", ([, answerer, problem]) => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(16)) yield* notify(record(id))
      const draining = yield* Effect.forkChild(drain)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(draining), { delivered: 0, failed: 16, dropped: 0 })
      assert.lengthOf(yield* sent, 16)
      const [first, summary, ...more] = logs.lines
      assert.strictEqual(first?.level, "WARN")
      assert.include(first?.message, problem)
      assert.strictEqual(summary?.message, "the monitoring webhook: 16 records refused, 0 never sent")
      assert.lengthOf(more, 0)
    }).pipe(withNotifier(answerer, { concurrency: 16 }, logs))
  })

  it.effect("one that fails and recovers gets the rest", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(10)) yield* notify(record(id))
      assert.deepStrictEqual(yield* drain, { delivered: 7, failed: 3, dropped: 0 })
    }).pipe(withNotifier((_, index) => (index < 2 ? text("", 503) : index === 2 ? "reset" : json({}))))
  )

  it.effect("what the URL carries is not logged", () => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      const { drain, notify } = yield* start
      yield* notify(record())
      assert.deepInclude(yield* drain, { failed: 1 })
      assert.isAbove(logs.lines.length, 0)
      assert.notInclude(JSON.stringify(logs.lines), "t0ken")
      assert.notInclude(JSON.stringify(logs.lines), "k3y")
    }).pipe(withNotifier(() => "reset", {}, logs))
  })

  it.effect("runs are counted apart", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* start, yield* start]
      yield* one.notify(record("evt_1"))
      yield* two.notify(record("evt_2"))
      yield* two.notify(record("evt_3"))
      assert.deepStrictEqual(yield* one.drain, { delivered: 1, failed: 0, dropped: 0 })
      assert.deepStrictEqual(yield* two.drain, { delivered: 2, failed: 0, dropped: 0 })
    }).pipe(withNotifier(ok))
  )

  it.effect("ends with the scope of its run", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(Effect.flatMap(start, ({ notify }) => notify(record())))
      yield* TestClock.adjust("1 minute")
      assert.isAtMost((yield* sent).length, 1)
    }).pipe(withNotifier(never))
  )

  it.effect("without a monitoring URL nobody is told, and nothing is counted", () =>
    Effect.gen(function* () {
      const { drain, notify } = yield* start
      for (const id of ids(3)) yield* notify(record(id))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* drain, { delivered: 0, failed: 0, dropped: 0 })
      assert.lengthOf(yield* sent, 0)
    }).pipe(withNotifier(ok, {}, collectLogs(), {}))
  )
})
