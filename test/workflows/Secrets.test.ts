import { assert, it } from "@effect/vitest"
import { Cause, Effect, flow, Layer, Logger, Metric, Redacted, References } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { EmulatorClient, type EmulatorOptions, Fault, FaultPlan } from "../../src/emulator/index.ts"
import { Audit, AuditMemory, EventBridge, Replay, Subscriptions } from "../../src/index.ts"
import { inspect } from "node:util"
import { collectSpans } from "../services/Support.ts"
import { definition } from "./support/Definitions.ts"
import { driven, topicId } from "./support/Harness.ts"

const secret = "canary-secret-7f3a91"
const webhookSecrets = { monitoring: `whsec_${"Y2Fu".repeat(9)}`, registry: `whsec_${"YXJ5".repeat(9)}` }

/** Webhooks beside the emulator that sometimes fail: what fails is what is written about. */
const withWebhooks = (emulator: HttpClient.HttpClient, signed: Set<string>) => {
  let count = 0
  return HttpClient.make((request, url) => {
    if (!url.hostname.endsWith(".example.com")) return emulator.execute(request)
    if (request.headers["webhook-signature"]?.startsWith("v1,")) signed.add(url.hostname)
    if (count++ % 7 === 3) {
      const reason = new HttpClientError.TransportError({ request, cause: new Error("socket hang up") })
      return Effect.fail(new HttpClientError.HttpClientError({ reason }))
    }
    return Effect.succeed(
      HttpClientResponse.fromWeb(request, new Response("", { status: [200, 503, 200, 400][count % 4] ?? 200 }))
    )
  })
}

/** Everything that is written down anywhere while an effect runs: logs, spans, metrics, audit, its error. */
const observed = <A, E extends object>(
  effect: Effect.Effect<A, E, Replay | Subscriptions | AuditMemory>,
  emulator: EmulatorOptions,
  clientSecret = secret
) => {
  const written: Array<string> = []
  const tokens = new Set<string>()
  /** The hosts that were sent signed requests. */
  const signed = new Set<string>()
  const { layer: tracer, spans } = collectSpans()
  const logger = Logger.make((options) => {
    written.push(Logger.formatJson.log(options), Logger.formatLogFmt.log(options))
  })
  const watched = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      flow(
        (emulated) => withWebhooks(emulated, signed),
        HttpClient.transform((sending, request) => {
          const token = /^Bearer (.+)$/.exec(request.headers["authorization"] ?? "")?.[1]
          if (token !== undefined) tokens.add(token)
          return sending
        })
      )
    )
  ).pipe(Layer.provide(EmulatorClient.layerEmulator({ topicId, clientSecret: secret, ...emulator })))
  const library = EventBridge.layer({
    clientId: "demo",
    clientSecret: Redacted.make(clientSecret),
    monitoringUrl: "https://monitoring.example.com/hook",
    monitoringSecret: Redacted.make(webhookSecrets.monitoring),
    registryUrl: "https://registry.example.com/hook",
    registrySecret: Redacted.make(webhookSecrets.registry)
  }).pipe(Layer.provideMerge(Layer.mergeAll(Audit.layerMemory, KeyValueStore.layerMemory, watched)))
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
    return { exit, signed, spans, tokens, written: written.join("\n") }
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
    const { exit, signed, spans, tokens, written } = yield* observed(
      Effect.gen(function* () {
        const { id } = yield* (yield* Subscriptions).create(definition("n"))
        yield* (yield* Subscriptions).confirmDelivery(id)
        yield* Effect.ignore((yield* Subscriptions).syncRegistry(id, "active"))
        return yield* (yield* Replay).run({ topicId })
      }),
      { letters: 200, faults: { ...FaultPlan.all, seed: 3 } }
    )
    assert.strictEqual(exit._tag, "Success")
    assert.isAbove(tokens.size, 1)
    assert.isAbove(spans.length, 200)
    assert.include(written, "http.request.header.authorization")
    assert.deepStrictEqual(signed, new Set(["monitoring.example.com", "registry.example.com"]))
    assert.include(written, "the monitoring webhook does not accept records: it answered 400")
    assert.notInclude(written, secret)
    for (const webhookSecret of Object.values(webhookSecrets)) {
      assert.notInclude(written, webhookSecret.slice("whsec_".length, -4))
    }
    for (const token of tokens) assert.notInclude(written, token)
  })
)

it.effect("nor does a run whose token request is echoed in the refusal", () =>
  Effect.gen(function* () {
    const reserved = `${secret}/se+c r=e"t`
    const form = new URLSearchParams({ client_id: "demo", client_secret: reserved }).toString()
    const { exit, written } = yield* observed(
      Effect.flatMap(Replay, (replay) => replay.run({ topicId })),
      {
        script: ({ route }) =>
          route === "token"
            ? Fault.Answer({
                status: 400,
                body: `${form} ${JSON.stringify({ client_secret: reserved })} ${encodeURIComponent(reserved)}`
              })
            : undefined
      },
      reserved
    )
    assert.strictEqual(exit._tag, "Failure")
    assert.include(written, "client_secret=")
    assert.notInclude(written, secret)
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
