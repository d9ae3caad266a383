import { Clock, Context, Deferred, Duration, Effect, Exit, Layer, Redacted, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { EventBridgeApi, TokenResponse } from "../api/EventBridgeApi.ts"
import { type EventBridgeError, MalformedResponse } from "../domain/EventBridgeError.ts"
import * as TokenLifetime from "../domain/TokenLifetime.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import { Metrics } from "./Metrics.ts"
import { type Progress, Transport, type TryError } from "./Transport.ts"

/** A token in use. */
export interface AccessToken {
  readonly value: Redacted.Redacted
  /** The scopes the service says it granted, space separated; absent when it says nothing. */
  readonly scope: string | undefined
}

interface Held extends AccessToken {
  /** Epoch milliseconds from which on the next token is fetched, while this one is still served. */
  readonly refreshAt: number
  readonly expiresAt: number
}

/** How long a refresh that failed is not repeated while the old token is still served. */
const refreshHoldOff = Duration.toMillis("5 seconds")

/**
 * The access token, shared by every call: one request however many fibers ask, refreshed before it ends while the old
 * one is still served. Interrupting a fiber that waits does not affect the others.
 */
export class Token extends Context.Service<
  Token,
  {
    readonly get: Effect.Effect<AccessToken, EventBridgeError>
    /**
     * The service refused this token: the next `get` fetches another. Returns whether it was still the current one; if
     * not, a newer one is there already and stays.
     */
    readonly invalidate: (token: AccessToken) => Effect.Effect<boolean>
  }
>()("effect-cxone-eventbridge/services/Token") {
  static readonly make = Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const config = yield* EventBridgeConfig
    const transport = yield* Transport
    const metrics = yield* Metrics
    const httpClient = yield* HttpClient.HttpClient
    const scope = yield* Effect.scope
    const requestToken = yield* HttpApiClient.endpoint(EventBridgeApi, {
      group: "oauth",
      endpoint: "token",
      // The path differs between tenants; everything else of the route does not.
      httpClient: HttpClient.mapRequest(httpClient, HttpClientRequest.setUrl(`${config.baseUrl}${config.tokenPath}`))
    })

    let current: Held | undefined
    let refreshing: Deferred.Deferred<Held, EventBridgeError> | undefined

    const attempt = Effect.fnUntraced(function* (progress: Progress) {
      const send = requestToken({
        payload: {
          grant_type: "client_credentials",
          client_id: config.clientId,
          client_secret: Redacted.value(config.clientSecret),
          ...(config.scopes.length === 0 ? {} : { scope: config.scopes.join(" ") })
        },
        responseMode: "response-only"
      })
      const { body, status } = yield* transport.send(
        { operation: "Token", timeout: config.timeouts.default, secrets: [config.clientSecret], send },
        progress
      )
      // The parse error would quote the body, and with it the token: it is not passed on.
      const answer = yield* Effect.mapError(
        decodeAnswer(body),
        (): TryError => new MalformedResponse({ status, detail: "it holds no access_token" })
      )
      const now = yield* Clock.currentTimeMillis
      const life = TokenLifetime.ofExpiresIn(answer.expires_in)
      return {
        value: Redacted.make(answer.access_token, { label: "access token" }),
        scope: answer.scope ?? undefined,
        refreshAt: now + Duration.toMillis(TokenLifetime.refreshAfter(life)),
        expiresAt: now + Duration.toMillis(life)
      }
    })

    const settle = (deferred: Deferred.Deferred<Held, EventBridgeError>, exit: Exit.Exit<Held, EventBridgeError>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        refreshing = undefined
        if (Exit.isSuccess(exit)) current = exit.value
        else if (current !== undefined) current = { ...current, refreshAt: now + refreshHoldOff }
        return Effect.andThen(
          metrics.tokenRefresh(Exit.isSuccess(exit) ? "success" : "failure"),
          Deferred.done(deferred, exit)
        )
      })

    // In a fiber of the layer, not of whoever asked first: that one may be interrupted.
    const refresh = Effect.suspend(() => {
      if (refreshing !== undefined) return Effect.succeed(refreshing)
      const deferred = Deferred.makeUnsafe<Held, EventBridgeError>()
      refreshing = deferred
      return transport.retrying("Token", attempt).pipe(
        Effect.onExit((exit) => settle(deferred, exit)),
        Effect.forkIn(scope),
        Effect.map((fiber) => {
          // In a layer that has closed it ends before it begins, and settles nothing: nobody must wait forever.
          fiber.addObserver((exit) => void Deferred.doneUnsafe(deferred, exit))
          return deferred
        })
      )
      // Nobody may be interrupted between promising a token and starting to fetch it: the others would wait for ever.
    }).pipe(Effect.uninterruptible)

    const get = Effect.suspend((): Effect.Effect<AccessToken, EventBridgeError> => {
      const now = clock.currentTimeMillisUnsafe()
      if (current === undefined || now >= current.expiresAt) return Effect.flatMap(refresh, Deferred.await)
      return now < current.refreshAt ? Effect.succeed(current) : Effect.as(refresh, current)
    })

    const invalidate = (token: AccessToken) =>
      Effect.sync(() => {
        const isCurrent = current?.value === token.value
        if (isCurrent) current = undefined
        return isCurrent
      })

    return Token.of({ get, invalidate })
  })

  static readonly layer: Layer.Layer<Token, never, EventBridgeConfig | Transport | Metrics | HttpClient.HttpClient> =
    Layer.effect(Token, Token.make)

  /** A fixed token, for tests and for applications that have one already. */
  static readonly layerOf = (value: Redacted.Redacted): Layer.Layer<Token> =>
    Layer.succeed(Token, { get: Effect.succeed({ value, scope: undefined }), invalidate: () => Effect.succeed(true) })
}

const decodeAnswer = Schema.decodeUnknownEffect(Schema.fromJsonString(TokenResponse))
