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
  Metrics,
  Notifier,
  type ReplayAuditRecord,
  Replay,
  Token,
  Transport
} from "../../src/index.ts"
import { topicId } from "./support/Harness.ts"

/** The library from its services' own layers, with those of the test among them. */
const composed = (services: Layer.Layer<Audit | Metrics | Notifier>) =>
  Replay.layer.pipe(
    Layer.provide([DeadLetterQueue.layer, Checkpoints.layerMemory]),
    Layer.provide(EventBridgeHttp.layer),
    Layer.provide(Token.layer),
    Layer.provide(Transport.layer),
    Layer.provide([
      services,
      EventBridgeConfig.layer({ clientId: "demo", clientSecret: Redacted.make("demo") }),
      EmulatorClient.layerEmulator({ topicId, letters: 12 }),
      CircuitBreaker.layerStoreMemory(),
      Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)
    ])
  )

it.effect("Audit, Metrics and Notifier are the application's where it gives its own", () => {
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
