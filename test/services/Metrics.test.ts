import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Metric, Record, Schema } from "effect"
import { TestClock } from "effect/testing"
import {
  EventBridgeError,
  EventBridgeHttp,
  MaxRetriesExceeded,
  Metrics,
  MetricSnapshot,
  NotFound,
  ReplayOutcome,
  ServerTransient,
  Skip
} from "../../src/index.ts"
import * as MetricFamilies from "../../src/services/MetricFamilies.ts"
import {
  firstPage,
  json,
  late,
  layerHttp,
  layerWire,
  receipt,
  replayOf,
  setClock,
  text,
  withTokens
} from "./Support.ts"

/** A registry of its own: others count in the global one at the same time. */
const apart = Effect.provideServiceEffect(
  Metric.MetricRegistry,
  Effect.sync(() => new Map())
)

/** What tells a series from the others of its metric. */
const attributesOf = ({ attributes = {} }: Pick<Metric.Metric.Snapshot, "attributes">) =>
  Record.remove(attributes, MetricFamilies.unitAttribute)

/** The counters, as name, attributes and count. */
const counters = Effect.map(Metric.snapshot, (snapshots) =>
  Object.fromEntries(
    snapshots.flatMap((snapshot) =>
      snapshot.type === "Counter"
        ? [[`${snapshot.id} ${Object.values(attributesOf(snapshot)).join(" ")}`, snapshot.state.count]]
        : []
    )
  )
)

const names = Effect.map(Metric.snapshot, (snapshots) =>
  snapshots.flatMap((snapshot) => Object.keys(attributesOf(snapshot)))
)

const letter = (id: string) => ({ eventId: id, topicId: `topic of ${id}`, payload: 1 })
const sent = (id: string) => ({ eventId: id, letter: letter(id), idempotencyKey: `key of ${id}`, latencyMillis: 12 })
const error = (reason: EventBridgeError["reason"]) =>
  new EventBridgeError({ operation: "ReplayEvent", reason, tries: 1, ambiguous: false })

const outcomes = (id: string): ReadonlyArray<ReplayOutcome> => [
  ReplayOutcome.Accepted({ ...sent(id), receipt, confirmedBy: "Receipt" }),
  ReplayOutcome.Duplicate(sent(id)),
  ReplayOutcome.Skipped({ ...sent(id), skip: Skip.PayloadMissing() }),
  ReplayOutcome.Rejected({ ...sent(id), error: error(new NotFound({ detail: id })) }),
  ReplayOutcome.Exhausted({
    ...sent(id),
    error: error(new MaxRetriesExceeded({ last: new ServerTransient({ status: 503, detail: id }) }))
  })
]

const ids = Array.from({ length: 100 }, (_, index) => `evt_${index}`)

describe("Metrics", () => {
  it.effect("counts letters by outcome and classification, and never by id", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      for (const id of ids) yield* metrics.letters(outcomes(id))
      const counted = yield* counters
      assert.deepStrictEqual(counted, {
        "cxone_eventbridge_letters_total accepted none": 100,
        "cxone_eventbridge_letters_total duplicate DUPLICATE_DETECTED": 100,
        "cxone_eventbridge_letters_total skipped PAYLOAD_MISSING": 100,
        "cxone_eventbridge_letters_total rejected NOT_FOUND": 100,
        "cxone_eventbridge_letters_total exhausted MAX_RETRIES_EXCEEDED": 100
      })
      assert.deepStrictEqual(new Set(yield* names), new Set(["outcome", "classification"]))
    }).pipe(Effect.provide(Metrics.layer), apart)
  )

  it.effect("counts token refreshes, notifications and retries", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      yield* metrics.tokenRefresh("success")
      yield* metrics.tokenRefresh("failure")
      yield* metrics.tokenRefresh("success")
      for (const result of ["delivered", "failed", "dropped"] as const) yield* metrics.notification(result)
      yield* metrics.registrySync("failed")
      yield* metrics.retry("ReplayEvent")
      assert.deepStrictEqual(yield* counters, {
        "cxone_eventbridge_token_refreshes_total success": 2,
        "cxone_eventbridge_token_refreshes_total failure": 1,
        "cxone_eventbridge_webhook_deliveries_total monitoring delivered": 1,
        "cxone_eventbridge_webhook_deliveries_total monitoring failed": 1,
        "cxone_eventbridge_webhook_deliveries_total monitoring dropped": 1,
        "cxone_eventbridge_webhook_deliveries_total registry failed": 1,
        "cxone_eventbridge_retries_total ReplayEvent": 1
      })
    }).pipe(Effect.provide(Metrics.layer), apart)
  )

  it.effect("times each try, in seconds", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      yield* metrics.request("ReplayEvent", 200, 30)
      yield* metrics.request("ReplayEvent", "none", 1500)
      const histograms = (yield* Metric.snapshot).filter(({ type }) => type === "Histogram")
      assert.lengthOf(histograms, 1)
      const [histogram] = histograms
      assert.strictEqual(histogram?.id, "cxone_eventbridge_request_duration_seconds")
      assert.deepStrictEqual(histogram?.attributes, { operation: "ReplayEvent", unit: "s" })
      assert.deepInclude(histogram?.state, { count: 2, sum: 1.53, min: 0.03, max: 1.5 })
    }).pipe(Effect.provide(Metrics.layer), apart)
  )

  it.effect("the duration of a try is right even if the clock is set back meanwhile", () =>
    Effect.gen(function* () {
      const http = yield* EventBridgeHttp
      const fiber = yield* Effect.forkChild(http.replay(replayOf()))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      const durations = (yield* Metrics.snapshot).filter(({ type }) => type === "histogram")
      assert.deepStrictEqual(
        durations.map((one) => "sum" in one && one.sum),
        [2, 0]
      )
    }).pipe(
      Effect.provide(layerHttp()),
      Effect.provide(layerWire(withTokens(() => late("2 seconds", json(receipt))))),
      setClock("1 second", "-2 hours"),
      apart
    )
  )

  it.effect("a call counts its tries by operation and status, whatever the ids", () =>
    Effect.gen(function* () {
      const http = yield* EventBridgeHttp
      const calls = Effect.andThen(
        http.listDeadLetters({ ...firstPage, nextPageToken: "a token" }),
        Effect.forEach(ids.slice(0, 20), (id) => http.replay(replayOf(id, `topic ${id}`)))
      )
      const fiber = yield* Effect.forkChild(calls)
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* counters, {
        "cxone_eventbridge_requests_total Token 200": 1,
        "cxone_eventbridge_token_refreshes_total success": 1,
        "cxone_eventbridge_requests_total ListDeadLetters 200": 1,
        "cxone_eventbridge_requests_total ReplayEvent 200": 20,
        "cxone_eventbridge_requests_total ReplayEvent 503": 1,
        "cxone_eventbridge_requests_total ReplayEvent none": 1,
        "cxone_eventbridge_retries_total ReplayEvent": 2
      })
      const values = (yield* Metric.snapshot).flatMap((snapshot) => Object.values(attributesOf(snapshot)))
      assert.notMatch(values.join(), /evt_|topic|token/)
    }).pipe(
      Effect.provide(layerHttp()),
      Effect.provide(
        layerWire(
          withTokens(({ method }, index) =>
            method === "GET"
              ? json({ events: [] })
              : index === 3
                ? text("", 503)
                : index === 5
                  ? "reset"
                  : json(receipt)
          )
        )
      ),
      apart
    )
  )

  it.effect("a status that HTTP does not have gets no series of its own", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      for (let status = 0; status < 5000; status += 7) yield* metrics.request("Token", status, 1)
      const statuses = Object.keys(yield* counters)
      assert.isAtMost(statuses.length, 501)
      assert.include(statuses, "cxone_eventbridge_requests_total Token other")
    }).pipe(Effect.provide(Metrics.layer), apart)
  )

  it.effect("the breaker is in one state, whichever the next call meets", () => {
    const met: Array<string | undefined> = []
    const state = Effect.map(Metrics.snapshot, (series) => {
      const inIt = series.filter((one) => one.name === "cxone_eventbridge_breaker_state" && one.type === "gauge")
      assert.lengthOf(inIt, 3)
      return inIt.filter((one) => "value" in one && one.value === 1).map(({ attributes }) => attributes["state"])
    })
    return Effect.gen(function* () {
      const http = yield* EventBridgeHttp
      assert.deepStrictEqual(yield* state, ["closed"])
      const fiber = yield* Effect.forkChild(http.listDeadLetters(firstPage))
      const seen = new Set<string | undefined>()
      while (fiber.pollUnsafe() === undefined) {
        yield* TestClock.adjust("100 millis")
        for (const each of yield* state) seen.add(each)
      }
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(met, ["closed", "closed", "half_open", "half_open"])
      assert.deepStrictEqual(seen, new Set(["closed", "open", "half_open"]))
      assert.deepStrictEqual(yield* state, ["closed"])
    }).pipe(
      Effect.provide(layerHttp({ breaker: { failures: 2 } })),
      Effect.provide(
        layerWire(
          withTokens((_, index) =>
            Effect.gen(function* () {
              met.push(...(yield* state))
              yield* Effect.sleep(Duration.seconds(1))
              return index < 3 ? text("", 503) : json({ events: [] })
            })
          )
        )
      ),
      apart
    )
  })

  it.effect("letters in flight go up and down", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const inFlight = Effect.map(Metrics.snapshot, (series) =>
        series.flatMap((one) =>
          one.name === "cxone_eventbridge_letters_in_flight" && one.type === "gauge" ? one.value : []
        )
      )
      assert.deepStrictEqual(yield* inFlight, [0])
      yield* metrics.inFlight(1)
      yield* metrics.inFlight(1)
      assert.deepStrictEqual(yield* inFlight, [2])
      yield* metrics.inFlight(-2)
      assert.deepStrictEqual(yield* inFlight, [0])
    }).pipe(Effect.provide(Metrics.layer), apart)
  )

  it.effect("a snapshot holds this library's metrics alone, and goes through JSON unharmed", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      yield* Metric.update(Metric.counter("requests_of_somebody_else"), 1)
      yield* metrics.page(1500)
      const auditGroups = MetricFamilies.histogram("auditGroups", {})
      yield* Metric.update(auditGroups, 3)
      yield* Metric.update(auditGroups, 5000)
      yield* metrics.letters([ReplayOutcome.Accepted({ ...sent("evt_1"), receipt, confirmedBy: "Receipt" })])
      const snapshot = yield* Metrics.snapshot
      assert.deepStrictEqual(
        snapshot.map(({ attributes, name, type }) => [name, type, attributes]),
        [
          ["cxone_eventbridge_audit_group_records", "histogram", { site: "a" }],
          ["cxone_eventbridge_letters_in_flight", "gauge", {}],
          ["cxone_eventbridge_letters_total", "counter", { site: "a", outcome: "accepted", classification: "none" }],
          ["cxone_eventbridge_page_duration_seconds", "histogram", { site: "a" }]
        ]
      )
      assert.isTrue(snapshot.every(({ description }) => description.length > 10))
      const [groups, , , pages] = snapshot
      assert.deepInclude(groups, { count: 2, sum: 5003, min: 3, max: 5000 })
      assert.deepInclude(pages, { count: 1, sum: 1.5 })
      const buckets = groups?.type === "histogram" ? groups.buckets : []
      assert.deepInclude(buckets, { le: 2, count: 0 })
      assert.deepInclude(buckets, { le: 4, count: 1 })
      assert.deepStrictEqual(buckets.at(-1), { le: 512, count: 1 })
      const Json = Schema.fromJsonString(Schema.Array(MetricSnapshot))
      const there = yield* Schema.encodeEffect(Json)(snapshot)
      assert.deepStrictEqual(yield* Schema.decodeEffect(Json)(there), snapshot)
    }).pipe(Effect.provideService(Metric.CurrentMetricAttributes, { site: "a" }), Effect.provide(Metrics.layer), apart)
  )

  it.effect("may be switched off", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      yield* metrics.letters(outcomes("evt_1"))
      yield* metrics.request("Token", 200, 1)
      yield* metrics.retry("Token")
      yield* metrics.tokenRefresh("success")
      yield* metrics.notification("failed")
      yield* metrics.registrySync("failed")
      yield* metrics.breaker("Open")
      yield* metrics.page(1)
      yield* metrics.inFlight(1)
      assert.deepStrictEqual(yield* Metric.snapshot, [])
    }).pipe(Effect.provide(Metrics.layerNoop), apart)
  )
})
