import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Metric, Option, References, Stream, Tracer } from "effect"
import type { HttpClient } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { vi } from "vitest"
import { Fault } from "../../src/emulator/index.ts"
import {
  Audit,
  AuditError,
  Classification,
  EventBridge,
  type EventBridgeOptions,
  Metrics,
  Operation,
  Replay,
  SkipReason,
  Subscriptions
} from "../../src/index.ts"
import {
  type Answer,
  collectSpans,
  json,
  late,
  layerWire,
  options as credentials,
  receipt,
  type Sent,
  setClock,
  text,
  Wire,
  withTokens
} from "../services/Support.ts"
import { definition } from "./support/Definitions.ts"
import { drive, driven, letters, onEmulator, topicId } from "./support/Harness.ts"

const isReplay = ({ method, url }: Sent): boolean => method === "PUT" && url.pathname.endsWith("/events")

/** The place in the queue of the letter that a request replays. */
const indexOf = ({ headers }: Sent): number => Number(/evt_(\d+)/.exec(headers["idempotency-key"] ?? "")?.[1])

/** A queue of so many letters, three a page; what becomes of a letter's tries is up to the test. */
const service = (
  size: number,
  replay: (index: number, request: Sent, attempt: number) => Answer = () => json(receipt)
) => {
  const all = letters(size)
  const attempts = new Map<string, number>()
  return layerWire(
    withTokens((request) => {
      if (isReplay(request)) {
        const key = request.headers["idempotency-key"] ?? ""
        const attempt = (attempts.get(key) ?? 0) + 1
        attempts.set(key, attempt)
        return replay(indexOf(request), request, attempt)
      }
      if (request.url.hostname !== "bus.example.com") return text("", 204)
      if (!request.url.pathname.endsWith("/dlq/events"))
        return json({
          ...definition("n"),
          id: "sub-1",
          state: "active",
          createdDate: "2024-05-10T14:30:00Z"
        })
      const from = Number(request.url.searchParams.get("nextPageToken") ?? 0)
      const limit = Number(request.url.searchParams.get("limit"))
      const to = from + limit
      return json({ events: all.slice(from, to), ...(to < size ? { nextPageToken: String(to) } : {}) })
    })
  )
}

const withLibrary =
  (
    wire: Layer.Layer<HttpClient.HttpClient | Wire>,
    options: Partial<EventBridgeOptions> = {},
    audit: Layer.Layer<Audit> = Audit.layerMemory
  ) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provide(
        Layer.provideMerge(
          Layer.fresh(EventBridge.layer({ ...credentials, ...options })),
          Layer.mergeAll(wire, audit, KeyValueStore.layerMemory)
        )
      ),
      Effect.provideServiceEffect(
        Metric.MetricRegistry,
        Effect.sync(() => new Map())
      )
    )

const run = Effect.flatMap(Replay, (replay) => replay.run({ topicId, pageSize: 3, runId: "run-1" }))

const parentOf = (span: Tracer.NativeSpan) => Option.getOrUndefined(span.parent)?.spanId

interface Tree {
  readonly [name: string]: Tree
}

/** The spans below one, each as its name and what tells it from its siblings. */
const below = (spans: ReadonlyArray<Tracer.NativeSpan>, id: string | undefined): Tree =>
  Object.fromEntries(
    spans
      .filter((span) => parentOf(span) === id)
      .map((span) => {
        const marks = ["cxone.page.index", "cxone.event.id", "http.request.resend_count", "http.response.status_code"]
          .map((name) => span.attributes.get(name))
          .filter((value) => value !== undefined)
        return [[span.name, ...marks].join(" "), below(spans, span.spanId)] as const
      })
  )

const named = (spans: ReadonlyArray<Tracer.NativeSpan>, name: string) => spans.filter((span) => span.name === name)

const exitOf = ({ status }: Tracer.NativeSpan) => (status._tag === "Ended" ? status.exit : undefined)

const traceparents = Effect.map(Wire, ({ sent }) => sent.map(({ headers }) => headers["traceparent"]))

describe("the spans of a run", () => {
  it.effect("are the run, its pages, their letters and each try of each request, which carries its traceparent", () => {
    const { layer, spans } = collectSpans()
    return Effect.gen(function* () {
      const report = yield* Effect.withSpan(driven(run), "incident")
      assert.deepStrictEqual([report.success, report.failed], [4, 1])
      assert.deepStrictEqual(below(spans, undefined), {
        incident: {
          "Replay.run": {
            "POST Token 200": {},
            "EventBridgeHttp.listDeadLetters": { "GET ListDeadLetters 200": {} },
            "Replay.page 0": {
              "Replay.letter evt_0": { "PUT ReplayEvent 200": {} },
              "Replay.letter evt_1": {
                "PUT ReplayEvent 503": {},
                "PUT ReplayEvent 1": {},
                "PUT ReplayEvent 2 200": {}
              },
              "Replay.letter evt_2": { "PUT ReplayEvent 422": {} }
            },
            "Replay.page 1": {
              "Replay.letter evt_3": { "PUT ReplayEvent 200": {} },
              "Replay.letter evt_4": { "PUT ReplayEvent 200": {} }
            }
          }
        }
      })

      // Whoever took a request can say which span it came from.
      const clients = spans.filter(({ kind }) => kind === "client")
      const sent = (yield* traceparents).toSorted()
      assert.deepStrictEqual(sent, clients.map(({ spanId, traceId }) => `00-${traceId}-${spanId}-01`).toSorted())
      assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 1)

      assert.isTrue(spans.every(({ status }) => status._tag === "Ended"))
      const [whole] = named(spans, "Replay.run")
      assert.deepInclude(Object.fromEntries(whole?.attributes ?? []), {
        "cxone.run.id": "run-1",
        "cxone.topic.id": topicId,
        "cxone.run.status": "completed",
        "cxone.run.letters": 5,
        "cxone.run.success": 4,
        "cxone.run.failed": 1
      })
      const outcomes = named(spans, "Replay.letter").map((span) => [
        span.attributes.get("cxone.event.id"),
        span.attributes.get("cxone.letter.outcome"),
        span.attributes.get("cxone.letter.classification"),
        exitOf(span)?._tag
      ])
      assert.sameDeepMembers(outcomes, [
        ["evt_0", "accepted", undefined, "Success"],
        ["evt_1", "accepted", undefined, "Success"],
        ["evt_2", "rejected", "SCHEMA_VIOLATION", "Failure"],
        ["evt_3", "accepted", undefined, "Success"],
        ["evt_4", "accepted", undefined, "Success"]
      ])
    }).pipe(
      withLibrary(
        service(5, (index, _, attempt) =>
          index === 1 && attempt === 1
            ? text("", 503)
            : index === 1 && attempt === 2
              ? "reset"
              : index === 2
                ? text("no", 422)
                : json(receipt)
        )
      ),
      Effect.provide(layer)
    )
  })

  it.effect("are those of the requested share of letters; the others say that they are not sampled", () => {
    const { layer, spans } = collectSpans()
    return Effect.gen(function* () {
      yield* driven(run)
      const sampled = named(spans, "Replay.letter").filter((span) => span.sampled)
      assert.sameMembers(
        sampled.map((span) => span.attributes.get("cxone.event.id")),
        ["evt_0", "evt_4", "evt_8"]
      )
      assert.isTrue([...named(spans, "Replay.run"), ...named(spans, "Replay.page")].every((span) => span.sampled))
      const { sent } = yield* Wire
      const flags = sent.map((request) => [isReplay(request), request.headers["traceparent"]?.slice(-3)] as const)
      const count = (replay: boolean, flag: string) => flags.filter(([a, b]) => a === replay && b === flag).length
      assert.deepStrictEqual([count(true, "-01"), count(true, "-00")], [3, 9])
      assert.deepStrictEqual([count(false, "-01"), count(false, "-00")], [5, 0])
    }).pipe(withLibrary(service(12), { tracing: { letterSampling: 0.25 } }), Effect.provide(layer))
  })

  it.effect("end with the run that halts, and say why", () => {
    const { layer, spans } = collectSpans()
    return Effect.gen(function* () {
      // Before the scope of the run closes, which may live for long.
      const { outcomes } = yield* (yield* Replay).start({ topicId, pageSize: 3 })
      const exit = yield* Effect.exit(driven(Stream.runDrain(outcomes)))
      assert.isTrue(Exit.isFailure(exit))
      assert.isTrue(spans.every(({ status }) => status._tag === "Ended"))
      for (const name of ["Replay.run", "Replay.page"]) {
        const [span] = named(spans, name)
        assert.include(String(span === undefined ? "" : exitOf(span)), "ReplayHalted")
      }
      assert.strictEqual(named(spans, "Replay.run")[0]?.attributes.get("cxone.run.status"), "halted")
    }).pipe(
      Effect.scoped,
      withLibrary(
        service(12),
        {},
        Layer.succeed(Audit, {
          record: () => Effect.fail(new AuditError({ sink: "tape", detail: "torn" })),
          head: Effect.undefined
        })
      ),
      Effect.provide(layer)
    )
  })

  it.effect("end with the run that is interrupted", () => {
    const { layer, spans } = collectSpans()
    return Effect.gen(function* () {
      const replay = yield* Replay
      const fiber = yield* Effect.forkChild(Stream.runDrain(replay.stream({ topicId, pageSize: 3 })))
      yield* drive(fiber, { until: () => named(spans, "PUT ReplayEvent").length > 0 })
      yield* driven(Fiber.interrupt(fiber), 500)
      assert.isNotEmpty(named(spans, "Replay.letter"))
      assert.isTrue(spans.every(({ status }) => status._tag === "Ended"))
    }).pipe(withLibrary(service(12, () => late("1 minute", json(receipt)))), Effect.provide(layer))
  })

  it.effect("leave out the webhooks, whose URLs are secrets", () => {
    const { layer, spans } = collectSpans()
    return Effect.gen(function* () {
      const report = yield* driven(run)
      assert.strictEqual(report.notifications.delivered, 3)
      yield* (yield* Subscriptions).syncRegistry("sub-1", "active")
      const { sent } = yield* Wire
      const hooks = sent.filter(({ url }) => url.hostname === "hooks.example.com")
      assert.lengthOf(hooks, 4)
      assert.isTrue(hooks.every(({ headers }) => headers["traceparent"] === undefined && headers["b3"] === undefined))
      assert.notInclude(JSON.stringify(spans.map(({ attributes }) => Array.from(attributes))), "canary")
    }).pipe(
      withLibrary(service(3), {
        monitoringUrl: "https://hooks.example.com/monitoring?key=canary",
        registryUrl: "https://hooks.example.com/registry?key=canary"
      }),
      Effect.provide(layer)
    )
  })

  it.effect("of calls about a subscription name it", () => {
    const { layer, spans } = collectSpans()
    return Effect.gen(function* () {
      yield* (yield* Subscriptions).get("sub-1")
      const [call] = named(spans, "EventBridgeHttp.getSubscription")
      assert.strictEqual(call?.attributes.get("cxone.subscription.id"), "sub-1")
    }).pipe(withLibrary(service(0)), Effect.provide(layer))
  })
})

describe("without tracing", () => {
  /** The spans that Effect makes for nobody, of a run of so many letters on one page. */
  const made = (size: number) =>
    Effect.acquireUseRelease(
      Effect.sync(() => vi.spyOn(Tracer.nativeTracer, "span")),
      (span) =>
        Effect.gen(function* () {
          const report = yield* driven(Effect.flatMap(Replay, (replay) => replay.run({ topicId, pageSize: 100 })))
          assert.strictEqual(report.success, size)
          const { sent } = yield* Wire
          assert.isAbove(sent.length, size)
          for (const { headers } of sent) assert.doesNotHaveAnyKeys({ ...headers }, ["traceparent", "b3"])
          return span.mock.calls.map(([{ name }]) => name)
        }).pipe(withLibrary(service(size))),
      (span) => Effect.sync(() => span.mockRestore())
    )

  it.effect("a letter makes no span, and a request says nothing of one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* made(40), ["EventBridgeHttp.listDeadLetters"])
    })
  )

  it.effect("switched off under a tracer, nothing is made at all", () => {
    const { layer, spans } = collectSpans()
    return Effect.gen(function* () {
      yield* made(10)
      assert.deepStrictEqual(spans, [])
    }).pipe(Effect.provideService(References.TracerEnabled, false), Effect.provide(layer))
  })
})

it.effect("a page's time is from being opened to being settled, in order, whatever the clock is set to meanwhile", () =>
  Effect.gen(function* () {
    yield* driven(run, 50)
    const pages = (yield* Metrics.snapshot).find(({ name }) => name === "cxone_eventbridge_page_duration_seconds")
    // The second page waits for the first, whose slowest letter takes 2 s.
    assert.deepInclude(pages, { count: 2, min: 2, max: 2 })
    const flight = (yield* Metrics.snapshot).filter(({ name }) => name === "cxone_eventbridge_letters_in_flight")
    assert.deepStrictEqual(
      flight.map((one) => "value" in one && one.value),
      [0]
    )
  }).pipe(
    withLibrary(service(6, (index) => (index === 1 ? late("2 seconds", json(receipt)) : json(receipt)))),
    setClock("1 second", "-2 hours")
  )
)

it.effect("metrics have bounded attributes, whatever the ids and reasons are", () => {
  const bounded: ReadonlySet<string> = new Set([
    ...Operation.literals,
    ...Classification.literals,
    ...SkipReason.literals,
    ..."accepted duplicate skipped rejected exhausted none success failure closed half_open open 200 400 503".split(" ")
  ])
  const hostile = ['"', "\\", "\n", "{}", "€", "a,b=c", "le", "429", "x".repeat(3000), "__proto__", "%s", "'; --"]
  const queue = letters(120).map((each, index) =>
    Object.assign(each, {
      eventId: `${hostile[index % hostile.length]}${index}`,
      failureReason: `${hostile[(index + 1) % hostile.length]}${index}`
    })
  )
  return Effect.gen(function* () {
    const report = yield* driven(Effect.flatMap(Replay, (replay) => replay.run({ topicId })))
    assert.deepStrictEqual([report.letters, report.failed, report.outcomes.exhausted], [120, 20, 10])
    const series = yield* Metrics.snapshot
    const values = series.flatMap(({ attributes }) => Object.values(attributes))
    assert.deepStrictEqual(
      values.filter((value) => !bounded.has(value)),
      []
    )
    assert.isAtMost(series.length, 25)
  }).pipe(
    Effect.provide(
      onEmulator({
        queue,
        script: ({ key, route }) => {
          if (route !== "replay") return undefined
          if (key.includes("le")) return Fault.Answer({ status: 400, body: key })
          return key.includes("a,b=c") ? Fault.ServerError({ status: 503, form: "json" }) : undefined
        }
      })
    ),
    Effect.provideServiceEffect(
      Metric.MetricRegistry,
      Effect.sync(() => new Map())
    )
  )
})
