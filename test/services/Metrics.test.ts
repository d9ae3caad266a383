import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric } from "effect"
import { TestClock } from "effect/testing"
import {
  EventBridgeError,
  EventBridgeHttp,
  MaxRetriesExceeded,
  Metrics,
  NotFound,
  ReplayOutcome,
  ServerTransient,
  Skip
} from "../../src/index.ts"
import { firstPage, json, layerHttp, layerWire, receipt, replayOf, text, withTokens } from "./Support.ts"

/** A registry of its own: others count in the global one at the same time. */
const apart = Effect.provideServiceEffect(
  Metric.MetricRegistry,
  Effect.sync(() => new Map())
)

/** The counters, as name, attributes and count. */
const counters = Effect.map(Metric.snapshot, (snapshots) =>
  Object.fromEntries(
    snapshots.flatMap((snapshot) =>
      snapshot.type === "Counter"
        ? [[`${snapshot.id} ${Object.values(snapshot.attributes ?? {}).join(" ")}`, snapshot.state.count]]
        : []
    )
  )
)

const names = Effect.map(Metric.snapshot, (snapshots) =>
  snapshots.flatMap(({ attributes }) => Object.keys(attributes ?? {}))
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
      for (const id of ids) yield* Effect.forEach(outcomes(id), metrics.letter)
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
      yield* metrics.retry("ReplayEvent")
      assert.deepStrictEqual(yield* counters, {
        "cxone_eventbridge_token_refreshes_total success": 2,
        "cxone_eventbridge_token_refreshes_total failure": 1,
        "cxone_eventbridge_notifications_total delivered": 1,
        "cxone_eventbridge_notifications_total failed": 1,
        "cxone_eventbridge_notifications_total dropped": 1,
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
      assert.deepStrictEqual(histogram?.attributes, { operation: "ReplayEvent" })
      assert.deepInclude(histogram?.state, { count: 2, sum: 1.53, min: 0.03, max: 1.5 })
    }).pipe(Effect.provide(Metrics.layer), apart)
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
      const values = (yield* Metric.snapshot).flatMap(({ attributes }) => Object.values(attributes ?? {}))
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

  it.effect("may be switched off", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      yield* Effect.forEach(outcomes("evt_1"), metrics.letter)
      yield* metrics.request("Token", 200, 1)
      yield* metrics.retry("Token")
      yield* metrics.tokenRefresh("success")
      yield* metrics.notification("failed")
      assert.deepStrictEqual(yield* Metric.snapshot, [])
    }).pipe(Effect.provide(Metrics.layerNoop), apart)
  )
})
