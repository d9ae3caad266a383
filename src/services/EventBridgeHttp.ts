import { Context, Effect, Layer, Result, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { EventBridgeApi } from "../api/EventBridgeApi.ts"
import * as DeadLetterPage from "../domain/DeadLetterPage.ts"
import { EventBridgeError, Forbidden, MalformedResponse } from "../domain/EventBridgeError.ts"
import * as IdempotencyKey from "../domain/IdempotencyKey.ts"
import * as LosslessJson from "../domain/LosslessJson.ts"
import { missingScopes, type Operation, scopesOf } from "../domain/Operation.ts"
import { ReplayReceipt, type ReplayRequest } from "../domain/ReplayRequest.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import { type AccessToken, Token } from "./Token.ts"
import { type Answer, type Progress, Transport, type Try, type TryError } from "./Transport.ts"

/** Which page of a topic's dead letters to read. */
export interface PageRequest {
  readonly topicId: string
  /** Letters a page, at most. */
  readonly limit: number
  /** Absent for the first page. */
  readonly nextPageToken: string | undefined
}

/** A replay that the service took. */
export interface ReplayAnswer {
  /** Absent when it could not be read: the event was taken all the same. */
  readonly receipt: ReplayReceipt | undefined
}

/** The calls of the service, typed, with their bearer token. Fails with `EventBridgeError` after the retries due. */
export class EventBridgeHttp extends Context.Service<
  EventBridgeHttp,
  {
    readonly listDeadLetters: (request: PageRequest) => Effect.Effect<DeadLetterPage.DeadLetterPage, EventBridgeError>
    readonly replay: (request: ReplayRequest) => Effect.Effect<ReplayAnswer, EventBridgeError>
    /**
     * Gets a token and checks that it has the scopes these calls need, as far as the service tells. Fails before
     * anything is sent that would only fail later.
     */
    readonly authorize: (operations: ReadonlyArray<Operation>) => Effect.Effect<void, EventBridgeError>
  }
>()("effect-cxone-eventbridge/services/EventBridgeHttp") {
  static readonly make = Effect.gen(function* () {
    const config = yield* EventBridgeConfig
    const transport = yield* Transport
    const token = yield* Token
    const httpClient = yield* HttpClient.HttpClient
    const routes = yield* HttpApiClient.group(EventBridgeApi, {
      group: "deadLetters",
      httpClient: httpClient.pipe(
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
    })

    /** Sends with the token; when it is refused, once more with another one. */
    const authorized = (
      attempt: Omit<Try, "secrets" | "send"> & { readonly send: Effect.Effect<Response, SendError, Bearer> },
      progress: Progress,
      renewals = 0
    ): Effect.Effect<Answer, TryError | EventBridgeError> =>
      Effect.flatMap(token.get, (accessToken) =>
        transport
          .send(
            {
              ...attempt,
              secrets: [accessToken.value, config.clientSecret],
              send: Effect.provideService(attempt.send, Bearer, accessToken)
            },
            progress
          )
          .pipe(
            Effect.catchTag("Unauthorized", (error) =>
              Effect.flatMap(token.invalidate(accessToken), (wasCurrent) =>
                // A renewed token that another call has found refused in the meantime says nothing about the credentials.
                renewals === 0 || (!wasCurrent && renewals < maxRenewals)
                  ? authorized(attempt, progress, renewals + 1)
                  : Effect.fail(error)
              )
            )
          )
      )

    const authorize = Effect.fnUntraced(function* (operations: ReadonlyArray<Operation>) {
      const { scope } = yield* token.get
      const operation = operations.find((needed) => missingScopes(scope, scopesOf[needed]).length > 0)
      if (operation === undefined) return
      const scopes = missingScopes(
        scope,
        operations.flatMap((needed) => scopesOf[needed])
      )
      const detail = `the token was granted "${scope}", which lacks ${scopes.join(" ")}`
      return yield* new EventBridgeError({
        operation,
        reason: new Forbidden({ detail, scopes }),
        tries: 0,
        ambiguous: false
      })
    })

    const listDeadLetters = Effect.fn("EventBridgeHttp.listDeadLetters")(function* (request: PageRequest) {
      const send = routes.list({
        query: {
          topicId: request.topicId,
          limit: request.limit,
          ...(request.nextPageToken === undefined ? {} : { nextPageToken: request.nextPageToken })
        },
        responseMode: "response-only"
      })
      const attempt = { operation: "ListDeadLetters", timeout: config.timeouts.page, send } as const
      return yield* transport.retrying("ListDeadLetters", (progress) =>
        Effect.flatMap(authorized(attempt, progress), ({ body, status }) =>
          Result.match(readPage(body), {
            onSuccess: (page) => Effect.succeed(DeadLetterPage.fromBody(request.nextPageToken, page)),
            onFailure: (detail) => Effect.fail(new MalformedResponse({ status, detail }))
          })
        )
      )
    })

    const replay = Effect.fnUntraced(function* (request: ReplayRequest) {
      const send = routes.replay({
        params: { topicId: request.topicId },
        headers: { "idempotency-key": IdempotencyKey.toHeader(request.idempotencyKey) },
        payload: request.body,
        responseMode: "response-only"
      })
      const attempt = { operation: "ReplayEvent", timeout: config.timeouts.replay, send } as const
      const { body } = yield* transport.retrying("ReplayEvent", (progress) => authorized(attempt, progress))
      return { receipt: Result.getOrUndefined(decodeReceipt(body)) }
    })

    return EventBridgeHttp.of({ authorize, listDeadLetters, replay })
  })

  static readonly layer: Layer.Layer<
    EventBridgeHttp,
    never,
    EventBridgeConfig | Transport | Token | HttpClient.HttpClient
  > = Layer.effect(EventBridgeHttp, EventBridgeHttp.make)
}

/** However often tokens are revoked under a call, it asks for no more new ones than this. */
const maxRenewals = 3

/** The token a request goes out with. */
class Bearer extends Context.Service<Bearer, AccessToken>()(
  "effect-cxone-eventbridge/services/EventBridgeHttp/Bearer"
) {}

type Response = Effect.Success<Try["send"]>
type SendError = Effect.Error<Try["send"]>

const decodePage = Schema.decodeUnknownResult(DeadLetterPage.DeadLetterPageBody)
const decodeReceipt = Schema.decodeUnknownResult(Schema.fromJsonString(ReplayReceipt))

const readPage = (body: string): Result.Result<DeadLetterPage.DeadLetterPageBody, string> =>
  Result.flatMap(LosslessJson.parse(body), (json) => Result.mapError(decodePage(json), (error) => error.message))
