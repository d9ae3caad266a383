import { Context, type Duration, Effect, Layer, type Redacted, Result } from "effect"
import { HttpClient, type HttpClientError, HttpClientRequest } from "effect/http"
import { EventBridgeError, Forbidden, MalformedResponse } from "../domain/EventBridgeError.ts"
import { missingScopes, type Operation, scopesOf } from "../domain/Operation.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import { type AccessToken, Token } from "./Token.ts"
import type { Answer, Try } from "./Exchange.ts"
import { type Progress, Transport, type TryError } from "./Transport.ts"

/** The token a request goes out with. */
export class Bearer extends Context.Service<Bearer, AccessToken>()(
  "effect-cxone-eventbridge/services/AuthorizedHttp/Bearer"
) {}

/** One call of a route that wants a bearer token. */
export interface AuthorizedCall<A> {
  readonly operation: Operation
  /** How long one try may take. */
  readonly timeout: Duration.Duration
  /** Sends the request through `client`. */
  readonly send: Effect.Effect<Effect.Success<Try["send"]>, Effect.Error<Try["send"]>, Bearer>
  /** Reads the body of a success; a failure says what is wrong with it. */
  readonly read: (body: string) => Result.Result<A, string>
  /** Shows whether the service is alive, when this call's failures may be the service's. See `Progress.probe`. */
  readonly probe?: Pick<AuthorizedCall<A>, "operation" | "timeout" | "send"> | undefined
}

/** However often tokens are revoked under a call, it asks for no more new ones than this. */
const maxRenewals = 3

/** Calls of the service that want a bearer token: base URL, headers, and what a 401 leads to. */
export class AuthorizedHttp extends Context.Service<
  AuthorizedHttp,
  {
    /** For the routes' clients. Requests go to the configured base URL. */
    readonly client: HttpClient.HttpClient.With<HttpClientError.HttpClientError, Bearer>
    readonly call: <A>(call: AuthorizedCall<A>) => Effect.Effect<A, EventBridgeError>
    /**
     * Gets a token and checks that it has the scopes these calls need, as far as the service tells. Fails before
     * anything is sent that would only fail later.
     */
    readonly authorize: (operations: ReadonlyArray<Operation>) => Effect.Effect<void, EventBridgeError>
  }
>()("effect-cxone-eventbridge/services/AuthorizedHttp") {
  static readonly make = Effect.gen(function* () {
    const config = yield* EventBridgeConfig
    const transport = yield* Transport
    const token = yield* Token
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.mapRequest((request) =>
        request.pipe(
          HttpClientRequest.prependUrl(config.baseUrl),
          HttpClientRequest.acceptJson,
          HttpClientRequest.setHeader("x-genesys-client-name", config.clientName)
        )
      ),
      HttpClient.mapRequestEffect((request) =>
        Effect.map(Bearer, (accessToken) => HttpClientRequest.bearerToken(request, accessToken.value))
      )
    )

    // Tokens the service has taken at least once: refused later, they were revoked, which says nothing of credentials.
    const taken = new WeakSet<Redacted.Redacted>()

    const tryWith = (
      { operation, send, timeout }: Pick<AuthorizedCall<unknown>, "operation" | "timeout" | "send">,
      accessToken: AccessToken
    ): Try => ({
      operation,
      timeout,
      secrets: [accessToken.value, config.clientSecret],
      send: Effect.provideService(send, Bearer, accessToken)
    })

    /** Sends with the token; when it is refused, once more with another one. */
    const authorized = <A>(
      request: AuthorizedCall<A>,
      progress: Progress,
      renewals = 0
    ): Effect.Effect<Answer, TryError | EventBridgeError> =>
      Effect.flatMap(token.get, (accessToken) =>
        transport.send(tryWith(request, accessToken), progress).pipe(
          Effect.tap(() => Effect.sync(() => taken.add(accessToken.value))),
          Effect.catchTag("Unauthorized", (error) =>
            Effect.flatMap(token.invalidate(accessToken), (wasCurrent) => {
              const isRevoked = taken.has(accessToken.value) || !wasCurrent
              return renewals < (isRevoked ? maxRenewals : 1)
                ? authorized(request, progress, renewals + 1)
                : Effect.fail(error)
            })
          )
        )
      )

    const call = <A>(request: AuthorizedCall<A>) => {
      const { probe } = request
      return transport.retrying(
        request.operation,
        (progress) =>
          Effect.flatMap(authorized(request, progress), ({ body, status }) =>
            Result.match(request.read(body), {
              onSuccess: (value): Effect.Effect<A, TryError> => Effect.succeed(value),
              onFailure: (detail) => Effect.fail(new MalformedResponse({ status, detail }))
            })
          ),
        probe === undefined ? undefined : Effect.map(token.get, (accessToken) => tryWith(probe, accessToken))
      )
    }

    const authorize = Effect.fnUntraced(function* (operations: ReadonlyArray<Operation>) {
      const { scope } = yield* token.get
      const operation = operations.find((needed) => missingScopes(scope, scopesOf[needed]).length > 0)
      if (operation === undefined) return
      const needed = new Set(operations.flatMap((each) => scopesOf[each]))
      const scopes = missingScopes(scope, Array.from(needed))
      const detail = `the token was granted "${scope}", which lacks ${scopes.join(" ")}`
      return yield* new EventBridgeError({
        operation,
        reason: new Forbidden({ detail, scopes }),
        tries: 0,
        ambiguous: false
      })
    })

    return AuthorizedHttp.of({ client, call, authorize })
  })

  static readonly layer: Layer.Layer<
    AuthorizedHttp,
    never,
    EventBridgeConfig | Transport | Token | HttpClient.HttpClient
  > = Layer.effect(AuthorizedHttp, AuthorizedHttp.make)
}
