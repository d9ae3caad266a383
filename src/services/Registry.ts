import { Cause, Context, DateTime, Duration, Effect, Layer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { rootMessage } from "../domain/Failure.ts"
import * as RetryPolicy from "../domain/RetryPolicy.ts"
import { RegistrySyncFailed } from "../domain/SubscriptionError.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import { Metrics } from "./Metrics.ts"
import * as Tracing from "./Tracing.ts"

/** The registry webhook: told of each change of a subscription's state. */
export class Registry extends Context.Service<
  Registry,
  {
    /** Whether there is a registry to tell. Without one, `sync` does nothing. */
    readonly isConfigured: boolean
    /** Tells the registry, retried by the policy of every other call. Any 2xx is success. */
    readonly sync: (subscriptionId: string, state: string) => Effect.Effect<void, RegistrySyncFailed>
  }
>()("effect-cxone-eventbridge/services/Registry") {
  static readonly make = Effect.gen(function* () {
    const { registryUrl, retry, timeouts } = yield* EventBridgeConfig
    const metrics = yield* Metrics
    const httpClient = Tracing.untraced(yield* HttpClient.HttpClient)
    if (registryUrl === undefined) return Registry.of({ isConfigured: false, sync: () => Effect.void })

    const client = httpClient.pipe(
      HttpClient.filterStatusOk,
      HttpClient.transformResponse(Effect.timeout(timeouts.default)),
      HttpClient.retryTransient({ schedule: RetryPolicy.schedule(retry) })
    )

    const sync = Effect.fn("Registry.sync")(
      function* (subscriptionId: string, state: string) {
        const timestamp = DateTime.formatIso(yield* DateTime.now)
        const response = yield* HttpClientRequest.post(registryUrl).pipe(
          HttpClientRequest.setHeader("x-event-source", "cxone-eventbridge"),
          HttpClientRequest.bodyJsonUnsafe({ subscriptionId, state, timestamp }),
          client.execute
        )
        yield* response.text
      },
      // A registry that asks for hours of patience does not get them.
      Effect.timeout(retry.maxRetryAfter),
      (self, subscriptionId) =>
        Effect.mapError(self, (error) => {
          // A failure's message would show the URL, and with it whatever it carries.
          const detail = Cause.isTimeoutError(error)
            ? `no success within ${Duration.format(retry.maxRetryAfter)}`
            : error.reason._tag === "StatusCodeError"
              ? `it answered ${error.reason.response.status}`
              : rootMessage(error.reason)
          return new RegistrySyncFailed({ subscriptionId, detail })
        }),
      Effect.tap(() => metrics.registrySync("delivered")),
      Effect.tapError(() => metrics.registrySync("failed"))
    )

    return Registry.of({ isConfigured: true, sync })
  })

  static readonly layer: Layer.Layer<Registry, never, EventBridgeConfig | Metrics | HttpClient.HttpClient> =
    Layer.effect(Registry, Registry.make)
}
