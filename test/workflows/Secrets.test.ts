import { assert, it } from "@effect/vitest"
import { Cause, Effect, Layer, Logger, Metric, Redacted, References } from "effect"
import { HttpClient } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { EmulatorClient, type EmulatorOptions, FaultPlan } from "../../src/emulator/index.ts"
import { Audit, AuditMemory, EventBridge, Replay, Subscriptions } from "../../src/index.ts"
import { inspect } from "node:util"
import { collectSpans } from "../services/Support.ts"
import { definition } from "./support/Definitions.ts"
import { driven, topicId } from "./support/Harness.ts"

const secret = "canary-secret-7f3a91"

/** Everything that is written down anywhere while an effect runs: logs, spans, metrics, audit, its error. */
const observed = <A, E extends object>(
  effect: Effect.Effect<A, E, Replay | Subscriptions | AuditMemory>,
  emulator: EmulatorOptions,
  clientSecret = secret
) => {
  const written: Array<string> = []
  const tokens = new Set<string>()
  const { layer: tracer, spans } = collectSpans()
  const logger = Logger.make((options) => {
    written.push(Logger.formatJson.log(options), Logger.formatLogFmt.log(options))
  })
  const watched = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.transform((sending, request) => {
        const token = /^Bearer (.+)$/.exec(request.headers["authorization"] ?? "")?.[1]
        if (token !== undefined) tokens.add(token)
        return sending
      })
    )
  ).pipe(Layer.provide(EmulatorClient.layerEmulator({ topicId, clientSecret: secret, ...emulator })))
  const library = EventBridge.layer({ clientId: "demo", clientSecret: Redacted.make(clientSecret) }).pipe(
    Layer.provideMerge(Layer.mergeAll(Audit.layerMemory, KeyValueStore.layerMemory, watched))
  )
  return Effect.gen(function* () {
    const exit = yield* Effect.exit(driven(effect))
    if (exit._tag === "Failure") written.push(Cause.pretty(exit.cause), JSON.stringify(exit.cause), String(exit.cause))
    const { records, subscriptionRecords } = yield* AuditMemory
    written.push(JSON.stringify([records, subscriptionRecords]), JSON.stringify(yield* Metric.snapshot))
    for (const span of spans) {
      written.push(
        inspect([span.name, span.attributes, span.events, span.status], { depth: 12, maxStringLength: null })
      )
    }
    return { exit, spans, tokens, written: written.join("\n") }
  }).pipe(
    Effect.provide(library),
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "All"),
    Effect.provide(tracer),
    // Every header goes into the spans, as the most curious application may have it.
    Effect.provideService(HttpClient.TracerHeaderFilter, () => true),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )
}

it.effect("a run under faults writes down neither secret nor token", () =>
  Effect.gen(function* () {
    const { exit, spans, tokens, written } = yield* observed(
      Effect.gen(function* () {
        const { id } = yield* (yield* Subscriptions).create(definition("n"))
        yield* (yield* Subscriptions).confirmDelivery(id)
        return yield* (yield* Replay).run({ topicId })
      }),
      { letters: 200, faults: { ...FaultPlan.all, seed: 3 } }
    )
    assert.strictEqual(exit._tag, "Success")
    assert.isAbove(tokens.size, 1)
    assert.isAbove(spans.length, 200)
    assert.include(written, "http.request.header.authorization")
    assert.notInclude(written, secret)
    for (const token of tokens) assert.notInclude(written, token)
  })
)

it.effect("nor does a run whose credentials are refused", () =>
  Effect.gen(function* () {
    const { exit, written } = yield* observed(
      Effect.gen(function* () {
        return yield* (yield* Replay).run({ topicId })
      }),
      {},
      `${secret}-wrong`
    )
    assert.strictEqual(exit._tag, "Failure")
    assert.include(written, "credentials were refused")
    assert.notInclude(written, secret)
  })
)
