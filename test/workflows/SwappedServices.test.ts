import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { EmulatorClient } from "../../src/emulator/index.ts"
import {
  Audit,
  AuditError,
  Checkpoints,
  DeadLetterQueue,
  EventBridgeConfig,
  EventBridgeHttp,
  type EventBridgeOptions,
  Metrics,
  Notifier,
  type ReplayAuditRecord,
  Replay,
  Token,
  Transport
} from "../../src/index.ts"
import { driven, topicId } from "./support/Harness.ts"

/** The library from its services' own layers, with those of the test among them. */
const composed = (
  services: Layer.Layer<Audit | Metrics | Notifier>,
  limits: {
    readonly rateLimit?: EventBridgeOptions["rateLimit"]
    readonly limiter?: Layer.Layer<RateLimiter.RateLimiter>
  } = {}
) =>
  Replay.layer.pipe(
    Layer.provide([DeadLetterQueue.layer, Checkpoints.layerMemory]),
    Layer.provide(EventBridgeHttp.layer),
    Layer.provide(Token.layer),
    Layer.provide(Transport.layer),
    Layer.provide([
      services,
      EventBridgeConfig.layer({ clientId: "demo", clientSecret: Redacted.make("demo"), rateLimit: limits.rateLimit }),
      EmulatorClient.layerEmulator({ topicId, letters: 12 }),
      CircuitBreaker.layerStoreMemory(),
      limits.limiter ?? Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)
    ])
  )

it.effect("Audit, Metrics and Notifier are the application's if it provides its own", () => {
  const audited: Array<unknown> = []
  const notified: Array<ReplayAuditRecord> = []
  const counted: Array<string> = []
  const services = Layer.mergeAll(
    Layer.succeed(Audit, {
      record: (records) => Effect.sync(() => void audited.push(...records)),
      head: Effect.undefined
    }),
    Layer.succeed(Metrics, {
      request: (operation, status) => Effect.sync(() => void counted.push(`${operation} ${status}`)),
      retry: () => Effect.void,
      tokenRefresh: (result) => Effect.sync(() => void counted.push(`token ${result}`)),
      breaker: () => Effect.void,
      inFlight: () => Effect.void,
      letters: (outcomes) => Effect.sync(() => void counted.push(...outcomes.map(({ _tag }) => _tag))),
      page: () => Effect.sync(() => void counted.push("page")),
      subscription: () => Effect.void,
      notification: () => Effect.void,
      registrySync: () => Effect.void
    }),
    Layer.succeed(Notifier, {
      start: Effect.succeed({
        notify: (records: ReadonlyArray<ReplayAuditRecord>) => Effect.sync(() => void notified.push(...records)),
        drain: Effect.sync(() => ({ delivered: notified.length, failed: 0, dropped: 0 }))
      })
    })
  )
  return Effect.gen(function* () {
    const report = yield* (yield* Replay).run({ topicId })
    assert.deepStrictEqual([report.success, report.notifications.delivered], [12, 12])
    assert.deepStrictEqual([audited.length, notified.length], [12, 12])
    const times = (name: string) => counted.filter((other) => other === name).length
    assert.deepStrictEqual(
      ["Token 200", "token success", "ListDeadLetters 200", "ReplayEvent 200", "Accepted", "page"].map(times),
      [1, 1, 1, 12, 12, 1]
    )
  }).pipe(Effect.provide(composed(services)))
})

it.effect("an Audit that fails stops the run, whoever wrote it", () => {
  const services = Layer.mergeAll(
    Layer.succeed(Audit, {
      record: () => Effect.fail(new AuditError({ sink: "tape", detail: "torn" })),
      head: Effect.undefined
    }),
    Metrics.layerNoop,
    Notifier.layerNoop
  )
  return Effect.gen(function* () {
    const halted = yield* Effect.flip((yield* Replay).run({ topicId }))
    assert.include(halted.message, "could not be written to tape: torn")
  }).pipe(Effect.provide(composed(services)))
})

it.effect("a RateLimiter whose store fails halts the run: no letter counts as refused", () => {
  const records: Array<ReplayAuditRecord> = []
  const services = Layer.mergeAll(
    Layer.succeed(Audit, {
      record: (added) => Effect.sync(() => void records.push(...added.filter((one) => "event_id" in one))),
      head: Effect.undefined
    }),
    Metrics.layerNoop,
    Notifier.layerNoop
  )
  const lost = new RateLimiter.RateLimiterError({
    reason: new RateLimiter.RateLimitStoreError({ message: "no connection to redis" })
  })
  let left = 7
  const limiter = Layer.effect(
    RateLimiter.RateLimiter,
    Effect.map(RateLimiter.RateLimiter, (memory) => ({
      ...memory,
      consume: (options: Parameters<typeof memory.consume>[0]) =>
        Effect.suspend(() => (left-- > 0 ? memory.consume(options) : Effect.fail(lost)))
    }))
  ).pipe(Layer.provide(RateLimiter.layer), Layer.provide(RateLimiter.layerStoreMemory))
  return Effect.gen(function* () {
    const { run } = yield* Replay
    const error = yield* driven(Effect.flip(run({ topicId, concurrency: 1 })))
    assert.include(error.message, "the rate limiter failed: no connection to redis")
    if (error._tag !== "ReplayHalted") return assert.fail(error._tag)
    assert.include(error.hint, "the store of the RateLimiter")
    // Of seven requests one was for the token, and one for the page.
    assert.deepInclude(error.report, { success: 5, failed: 0, skipped: 0 })
    assert.deepStrictEqual(
      records.map(({ status }) => status),
      Array.from({ length: 5 }, () => "SUCCESS")
    )
  }).pipe(Effect.provide(composed(services, { limiter, rateLimit: { limit: 1000, window: "1 second" } })))
})
