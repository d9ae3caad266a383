import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { EventBridgeConfig, type EventBridgeOptions, Metrics, Registry } from "../../src/index.ts"
import { defaultRetryPolicy } from "../../src/domain/RetryPolicy.ts"
import { drive, driven } from "../workflows/support/Harness.ts"
import { type Answerer, late, layerWire, options, text, tooLong, verified, webhookSecret, Wire } from "./Support.ts"

const registryUrl = "https://registry.example.com/hooks/k3y?token=t0ken"

const withRegistry = (answerer: Answerer, overrides: Partial<EventBridgeOptions> = {}) => {
  const registry = Registry.layer.pipe(
    Layer.provide(Metrics.layer),
    Layer.provide(
      EventBridgeConfig.layer({
        ...options,
        registryUrl,
        registrySecret: Redacted.make(webhookSecret),
        ...overrides
      })
    )
  )
  return <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provide(registry), Effect.provide(layerWire(answerer)))
}

const sync = (subscriptionId: string, state: string) =>
  Effect.flatMap(Registry, (registry) => driven(registry.sync(subscriptionId, state)))

const sent = Effect.map(Wire, (wire) => wire.sent)

const idsOf = Effect.map(sent, (all) => all.map(({ headers }) => headers["webhook-id"]))

const ok: Answerer = () => text("", 204)

describe("Registry", () => {
  it.effect("a receiver that holds the secret verifies each try, and knows it for the same message", () =>
    Effect.gen(function* () {
      // The receiver's clock is the machine's.
      yield* TestClock.setTime(Date.now())
      yield* sync("sub-é 1", "active")
      const requests = yield* sent
      assert.lengthOf(requests, 4)
      const [first] = requests
      assert.isDefined(first)
      for (const request of requests) {
        assert.deepStrictEqual(yield* verified(request), JSON.parse(first.body))
        assert.strictEqual(request.body, first.body)
        assert.strictEqual(request.headers["x-event-source"], "cxone-eventbridge")
      }
      assert.strictEqual(new Set(yield* idsOf).size, 1)
    }).pipe(withRegistry((_, index) => (index === 0 ? "reset" : text("", [0, 425, 507, 204][index]))))
  )

  it.effect("each change is a new message, even to a state that it had before", () =>
    Effect.gen(function* () {
      yield* sync("sub-1", "active")
      yield* sync("sub-1", "paused")
      yield* sync("sub-2", "active")
      yield* TestClock.adjust("1 millis")
      yield* sync("sub-1", "active")
      const ids = yield* idsOf
      assert.strictEqual(new Set(ids).size, 4)
      // In what is signed, a full stop ends the id.
      for (const id of ids) assert.match(id ?? "", /^[0-9a-f]{64}$/)
    }).pipe(withRegistry(ok))
  )

  it.effect("without a secret nothing is signed", () =>
    Effect.gen(function* () {
      yield* sync("sub-1", "active")
      const [request] = yield* sent
      assert.isDefined(request)
      assert.deepStrictEqual(
        Object.keys(request.headers).filter((name) => name.startsWith("webhook-")),
        []
      )
    }).pipe(withRegistry(ok, { registrySecret: undefined, monitoringSecret: Redacted.make(webhookSecret) }))
  )

  it.effect.each<[string, Answerer, string, number]>([
    ["refusal", () => text("no", 410), "it answered 410", 1],
    [
      "pause of an hour",
      () => text("", 503, { "retry-after": "3600" }),
      "it answered 503 and asks for a pause of 1h",
      1
    ],
    ["outage", () => text("", 500), "it answered 500", 7],
    ["reset", () => "reset", "read ECONNRESET", 7],
    [
      "pause of a minute each time",
      () => text("", 429, { "retry-after": "60" }),
      "no success within 2m: it answered 429",
      2
    ]
  ])("a %s is told in words, without the URL", ([, answerer, detail, tries]) =>
    Effect.gen(function* () {
      const registry = yield* Registry
      const fiber = yield* Effect.forkChild(Effect.flip(registry.sync("sub-1", "active")))
      yield* TestClock.adjust(defaultRetryPolicy.maxRetryAfter)
      const failed = yield* Fiber.join(fiber)
      assert.strictEqual(failed._tag, "RegistrySyncFailed")
      assert.deepStrictEqual([failed.subscriptionId, failed.detail], ["sub-1", detail])
      assert.notMatch(`${failed.message}${JSON.stringify(failed)}`, /k3y|t0ken|whsec/)
      assert.lengthOf(yield* sent, tries)
    }).pipe(withRegistry(answerer, { registrySecret: undefined }))
  )

  it.effect.each(["1 second", 0] as const)(
    "one try has its whole timeout, however short maxRetryAfter: %j",
    (maxRetryAfter) =>
      Effect.gen(function* () {
        const requests = yield* sent
        const fiber = yield* Effect.forkChild(Effect.flatMap(Registry, (registry) => registry.sync("sub-1", "active")))
        // No time passes but what the registry takes: neither for the request to be made nor for its answer to be read.
        yield* drive(fiber, { stepMillis: 0, until: () => requests.length > 0 })
        yield* TestClock.adjust("29 seconds")
        yield* drive(fiber, { stepMillis: 0 })
        yield* Fiber.join(fiber)
        assert.lengthOf(requests, 1)
      }).pipe(withRegistry(() => late("29 seconds", text("", 204)), { retry: { maxRetryAfter } }))
  )

  it.effect("of an answer that is too long to be read, the status counts", () =>
    Effect.gen(function* () {
      yield* sync("sub-1", "active")
      assert.lengthOf(yield* sent, 2)
    }).pipe(withRegistry((_, index) => tooLong([503, 200][index])))
  )
})
