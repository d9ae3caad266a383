import { Context, DateTime, Duration, Effect, Layer } from "effect"
import type { HttpClient } from "effect/http"
import * as RetryPolicy from "../domain/RetryPolicy.ts"
import { RegistrySyncFailed } from "../domain/SubscriptionError.ts"
import { WebhookFailure } from "../domain/WebhookFailure.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import { Metrics } from "./Metrics.ts"
import * as Webhook from "./Webhook.ts"
import * as WebhookSignature from "./WebhookSignature.ts"

/** The registry webhook: notified of each change of a subscription's state. */
export class Registry extends Context.Service<
  Registry,
  {
    /** Whether there is a registry to notify. Without one, `sync` does nothing. */
    readonly isConfigured: boolean
    /** Notifies the registry, retried by the same policy as every other call. Any 2xx is success. */
    readonly sync: (subscriptionId: string, state: string) => Effect.Effect<void, RegistrySyncFailed>
  }
>()("effect-cxone-eventbridge/services/Registry") {
  static readonly make = Effect.gen(function* () {
    const { registrySecret, registryUrl, retry, timeouts } = yield* EventBridgeConfig
    const metrics = yield* Metrics
    if (registryUrl === undefined) return Registry.of({ isConfigured: false, sync: () => Effect.void })

    const prepare = yield* Webhook.make({
      url: registryUrl,
      secret: registrySecret,
      headers: { "x-event-source": "cxone-eventbridge" },
      timeout: timeouts.default,
      maxRetryAfter: retry.maxRetryAfter
    })

    // A registry that keeps asking for a pause is not given hours, but at least the time that one try may take.
    const patience = Duration.max(retry.maxRetryAfter, timeouts.default)

    const sync = Effect.fn("Registry.sync")(
      function* (subscriptionId: string, state: string) {
        const timestamp = DateTime.formatIso(yield* DateTime.now)
        // A state that comes back later is reported again: the time is part of the message.
        const attempt = yield* prepare({
          identity: [subscriptionId, state, timestamp],
          body: { subscriptionId, state, timestamp }
        })
        let last = ""
        const tried = Effect.tapError(attempt, ({ detail }) => Effect.sync(() => (last = `: ${detail}`)))
        yield* Effect.retry(tried, RetryPolicy.whileRetryable(retry)).pipe(
          Effect.timeoutOrElse({
            duration: patience,
            orElse: () => {
              const detail = `no success within ${Duration.format(patience)}${last}`
              return Effect.fail(new WebhookFailure({ detail, isRetryable: false }))
            }
          })
        )
      },
      (self, subscriptionId) =>
        Effect.mapError(self, ({ detail }) => new RegistrySyncFailed({ subscriptionId, detail })),
      Effect.tap(() => metrics.registrySync("delivered")),
      Effect.tapError(() => metrics.registrySync("failed"))
    )

    return Registry.of({ isConfigured: true, sync })
  })

  static readonly layer: Layer.Layer<Registry, never, EventBridgeConfig | Metrics | HttpClient.HttpClient> =
    Layer.effect(Registry, Registry.make).pipe(Layer.provide(WebhookSignature.layerWebCrypto))
}
