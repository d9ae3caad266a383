import { Context, type Duration, Effect, Layer, Redacted, Result } from "effect"
import { Headers, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { EventBridgeApi } from "../api/EventBridgeApi.ts"
import { EventBridgeError, Forbidden, MalformedResponse } from "../domain/EventBridgeError.ts"
import * as Failure from "../domain/Failure.ts"
import { missingScopes, type Operation, scopesOf } from "../domain/Operation.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import * as OneEntryCache from "./OneEntryCache.ts"
import { type AccessToken, Token } from "./Token.ts"
import type { Try } from "./Exchange.ts"
import { type Progress, Transport, type TryError } from "./Transport.ts"

/** What goes to the configured base URL with a token. */
export interface Authorized {
  readonly client: HttpClient.HttpClient
  /** The routes of the service, over `client`. */
  readonly routes: HttpApiClient.ForApi<typeof EventBridgeApi>
}

/** A request of a route that needs a bearer token. */
export interface AuthorizedRequest {
  readonly operation: Operation
  /** How long one try may take. */
  readonly timeout: Duration.Duration
  readonly send: (authorized: Authorized) => Try["send"]
}

/** One call of such a route. */
export interface AuthorizedCall<A> extends AuthorizedRequest {
  /** Reads the body of a success; a failure says what is wrong with it. */
  readonly read: (body: string) => Result.Result<A, string>
  /** Shows whether the service is alive, when this call's failures may be the service's. */
  readonly probe?: Progress["probe"]
}

interface Authorization extends Authorized {
  readonly accessToken: AccessToken
  readonly secrets: Try["secrets"]
}

/** A call asks for at most this many new tokens, however often they are revoked. */
const maxRenewals = 3

/** Calls of the service that need a bearer token: base URL, headers, and what a 401 leads to. */
export class AuthorizedHttp extends Context.Service<
  AuthorizedHttp,
  {
    readonly call: <A>(call: AuthorizedCall<A>) => Effect.Effect<A, EventBridgeError>
    /** A request as a probe for calls, with the token current when it is sent. */
    readonly probe: (request: AuthorizedRequest) => NonNullable<Progress["probe"]>
    /**
     * Gets a token and checks that it has the scopes these calls need, as far as the service reports them. Fails before
     * anything is sent that would only fail later.
     */
    readonly authorize: (operations: ReadonlyArray<Operation>) => Effect.Effect<void, EventBridgeError>
  }
>()("effect-cxone-eventbridge/services/AuthorizedHttp") {
  static readonly make = Effect.gen(function* () {
    const config = yield* EventBridgeConfig
    const transport = yield* Transport
    const token = yield* Token
    const httpClient = yield* HttpClient.HttpClient

    let current: Authorization | undefined
    // The service has accepted a token of these credentials: one that it refuses later was revoked, even a new one.
    let isAnyTaken = false

    // The same string for all requests to a path, so that the HTTP client finds what it keeps by URL without parsing
    // it.
    const absolute = OneEntryCache.make(
      (path) => HttpClientRequest.prependUrl(HttpClientRequest.get(path), config.baseUrl).url
    )

    /** The routes with a token are made once per token, not per request. */
    const routesFor = (accessToken: AccessToken): Effect.Effect<Authorization> => {
      const headers = Headers.fromInput({
        accept: "application/json",
        authorization: `Bearer ${Redacted.value(accessToken.value)}`,
        "x-genesys-client-name": config.clientName
      })
      const withHeaders = Headers.merge(headers)
      const client = HttpClient.mapRequest(httpClient, (request) => {
        const { body, hash, method, url, urlParams } = request
        return HttpClientRequest.makeWith(method, absolute(url), urlParams, hash, withHeaders(request.headers), body)
      })
      const secrets = [accessToken.value, config.clientSecret]
      return Effect.map(
        HttpApiClient.makeWith(EventBridgeApi, { httpClient: client }),
        (routes) => (current = { accessToken, secrets, client, routes })
      )
    }

    const withAuthorization = <A, E>(f: (authorization: Authorization) => Effect.Effect<A, E>) =>
      Effect.flatMap(token.get, (accessToken): Effect.Effect<A, E> =>
        current?.accessToken.value === accessToken.value ? f(current) : Effect.flatMap(routesFor(accessToken), f)
      )

    const tryWith = ({ operation, send, timeout }: AuthorizedRequest, authorization: Authorization): Try => ({
      operation,
      timeout,
      secrets: authorization.secrets,
      send: send(authorization)
    })

    /** Sends with the token; when it is refused, once more with another one. */
    const authorized = <A>(
      request: AuthorizedCall<A>,
      progress: Progress,
      renewals = 0
    ): Effect.Effect<A, TryError | EventBridgeError> =>
      withAuthorization((authorization) =>
        Effect.matchEffect(transport.send(tryWith(request, authorization), progress), {
          onSuccess: ({ body, status }) => {
            isAnyTaken = true
            const read = request.read(body)
            return Result.isSuccess(read)
              ? Effect.succeed(read.success)
              : Effect.fail(new MalformedResponse({ status, detail: read.failure }))
          },
          onFailure: (error) => {
            // The answer could not be read: to a call that can do without its body, such as a replay, it is a success.
            if (error._tag === "MalformedResponse") {
              return Effect.fromResult(Result.mapError(request.read(""), () => error))
            }
            return error._tag === "Unauthorized"
              ? Effect.flatMap(token.invalidate(authorization.accessToken), (wasCurrent) => {
                  const isRevoked = isAnyTaken || !wasCurrent
                  return renewals < (isRevoked ? maxRenewals : 1)
                    ? authorized(request, progress, renewals + 1)
                    : Effect.fail(error)
                })
              : Effect.fail(error)
          }
        })
      )

    const call = <A>(request: AuthorizedCall<A>) =>
      transport.retrying(request.operation, (progress) => authorized(request, progress), request.probe)

    const probe = (request: AuthorizedRequest) =>
      withAuthorization((authorization) => Effect.succeed(tryWith(request, authorization)))

    const authorize = Effect.fnUntraced(function* (operations: ReadonlyArray<Operation>) {
      const { scope } = yield* token.get
      const operation = operations.find((needed) => missingScopes(scope, scopesOf[needed]).length > 0)
      if (operation === undefined) return
      const needed = new Set(operations.flatMap((each) => scopesOf[each]))
      const scopes = missingScopes(scope, Array.from(needed))
      const detail = `the token was granted "${Failure.quoted(scope ?? "")}", which lacks ${scopes.join(" ")}`
      return yield* new EventBridgeError({
        operation,
        reason: new Forbidden({ detail, scopes }),
        tries: 0,
        ambiguous: false
      })
    })

    return AuthorizedHttp.of({ call, probe, authorize })
  })

  static readonly layer: Layer.Layer<
    AuthorizedHttp,
    never,
    EventBridgeConfig | Transport | Token | HttpClient.HttpClient
  > = Layer.effect(AuthorizedHttp, AuthorizedHttp.make)
}
