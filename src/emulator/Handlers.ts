import { Clock, Effect, Layer, Redacted, Result, Schema } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { BearerToken, EventBridgeApi } from "../api/EventBridgeApi.ts"
import * as IdempotencyKey from "../domain/IdempotencyKey.ts"
import * as LosslessJson from "../domain/LosslessJson.ts"
import { scopesOf } from "../domain/Operation.ts"
import { maxPayloadBytes, ReplayBody } from "../domain/ReplayRequest.ts"
import * as Answers from "./Answers.ts"
import type { EmulatorState } from "./EmulatorState.ts"
import * as SubscriptionHandlers from "./SubscriptionHandlers.ts"

const tokenError = (status: number, error: string, description: string) =>
  Answers.json(status, { error, error_description: description })

const TokenForm = Schema.Struct({
  grant_type: Schema.optionalKey(Schema.String),
  client_id: Schema.optionalKey(Schema.String),
  client_secret: Schema.optionalKey(Schema.String),
  scope: Schema.optionalKey(Schema.String)
})

const tokenHandler =
  ({ options, tokens }: EmulatorState) =>
  () =>
    Effect.gen(function* () {
      const form = yield* HttpServerRequest.schemaBodyUrlParams(TokenForm)
      if (form.grant_type !== "client_credentials") {
        return tokenError(400, "unsupported_grant_type", "the grant type is client_credentials")
      }
      if (form.client_id !== options.clientId || form.client_secret !== options.clientSecret) {
        return Answers.json(401, { error: "invalid_client" })
      }
      const { scopes, token } = yield* tokens.issue(form.scope?.split(/\s+/).filter((scope) => scope !== "") ?? [])
      return Answers.json(
        200,
        { access_token: token, token_type: "Bearer", expires_in: options.expiresIn, scope: scopes.join(" ") },
        { "cache-control": "no-store" }
      )
    }).pipe(
      Effect.catchTags({
        SchemaError: () => Effect.succeed(tokenError(400, "invalid_request", "a parameter is repeated")),
        HttpServerError: () => Effect.succeed(tokenError(400, "invalid_request", "the body cannot be read"))
      })
    )

const oauth = (state: EmulatorState) => {
  const handler = tokenHandler(state)
  return HttpApiBuilder.group(EventBridgeApi, "oauth", (handlers) =>
    handlers.handleRaw("token", handler).handleRaw("instanceToken", handler).handleRaw("legacyToken", handler)
  )
}

/** By group and endpoint. */
const scopesByEndpoint: Readonly<Record<string, ReadonlyArray<string>>> = {
  "deadLetters.list": scopesOf.ListDeadLetters,
  "deadLetters.replay": scopesOf.ReplayEvent,
  "subscriptions.create": scopesOf.CreateSubscription,
  "subscriptions.update": scopesOf.UpdateSubscription,
  "subscriptions.get": scopesOf.GetSubscription,
  "subscriptions.list": scopesOf.ListSubscriptions,
  "subscriptions.delete": scopesOf.DeleteSubscription,
  "subscriptions.deliveryStatus": scopesOf.DeliveryStatus
}

const bearer = ({ tokens }: EmulatorState) =>
  Layer.succeed(
    BearerToken,
    BearerToken.of({
      bearer: Effect.fnUntraced(function* (httpEffect, { credential, endpoint, group }) {
        const granted = yield* tokens.scopesOf(Redacted.value(credential))
        if (granted === undefined) {
          return Answers.failure(401, "the access token is missing, unknown, expired or revoked", {
            "www-authenticate": 'Bearer error="invalid_token"'
          })
        }
        const needed = scopesByEndpoint[`${group.identifier}.${endpoint.identifier}`]
        const missing = needed?.find((scope) => !granted.has(scope))
        return missing === undefined
          ? yield* httpEffect
          : Answers.failure(403, `the access token lacks the scope ${missing}`)
      })
    })
  )

/** One UTF-16 unit is three bytes of UTF-8 at most, so short texts need no count. */
const exceeds = (text: string, bytes: number): boolean =>
  text.length > bytes || (text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes)

const decodeBody = Schema.decodeUnknownResult(ReplayBody)

const readBody = (text: string): Result.Result<ReplayBody, string> =>
  Result.flatMap(LosslessJson.parse(text), (value) => Result.mapError(decodeBody(value), (error) => error.message))

/**
 * What a key stands for: every byte but the start of the run that sends it. A second run over the same queue differs in
 * nothing else, and sends what is held already.
 */
const contentOf = (text: string, initiatedAt: string): string => {
  const at = text.lastIndexOf(initiatedAt)
  return at === -1 ? text : text.slice(0, at) + text.slice(at + initiatedAt.length)
}

/** Everything about a replay but its key: what is wrong with it, as an answer, or whether its payload is the letter's. */
const check = (state: EmulatorState, topicId: string, key: string, text: string) =>
  Result.gen(function* () {
    const refuse = (status: number, message: string) => Result.fail(Answers.failure(status, message))
    const read = readBody(text)
    if (Result.isFailure(read)) return yield* refuse(400, read.failure)
    const body = read.success
    if (key !== IdempotencyKey.toHeader(body.idempotencyKey)) {
      return yield* refuse(400, "the Idempotency-Key header is not the body's idempotencyKey")
    }
    if (topicId !== state.options.topicId) return yield* refuse(404, `there is no topic ${topicId}`)
    const held = state.letters.payloadsOf(body.eventId)
    if (held.length === 0) return yield* refuse(404, `there is no event ${body.eventId} on topic ${topicId}`)
    const payload = JSON.stringify(body.originalPayload)
    if (exceeds(payload, maxPayloadBytes)) {
      return yield* refuse(413, `originalPayload is larger than ${maxPayloadBytes} bytes`)
    }
    const { currentAttempt, maxAllowed } = body.retryMatrix
    if (currentAttempt > maxAllowed) {
      return yield* refuse(422, `currentAttempt ${currentAttempt} is above maxAllowed ${maxAllowed}`)
    }
    return {
      eventId: body.eventId,
      intact: held.some((letter) => JSON.stringify(letter) === payload),
      content: contentOf(text, body.replayMetadata.initiatedAt)
    }
  })

const deadLetters = (state: EmulatorState) =>
  HttpApiBuilder.group(EventBridgeApi, "deadLetters", (handlers) =>
    handlers
      .handle("list", ({ query }) => {
        if (query.topicId !== state.options.topicId) return Effect.succeed(Answers.json(200, { events: [] }))
        const page = state.page(query.nextPageToken, query.limit)
        if (page === undefined) return Effect.succeed(Answers.failure(400, "nextPageToken was never given"))
        const { entries, ...rest } = page
        return Effect.succeed(Answers.json(200, { events: entries, ...rest }))
      })
      .handleRaw("replay", ({ headers, params, request }) =>
        Effect.gen(function* () {
          const text = yield* request.text
          const key = headers["idempotency-key"]
          const checked = check(state, params.topicId, key, text)
          if (Result.isFailure(checked)) return checked.failure
          const now = yield* Clock.currentTimeMillis
          const { content, eventId, intact } = checked.success
          switch (state.ledger.accept(key, content, now)) {
            case "SameContent":
              return Answers.failure(409, `the idempotency key ${key} was used before`)
            case "OtherContent":
              return Answers.failure(422, `the idempotency key ${key} was used before, for something else`)
            case "Accepted": {
              if (!intact) state.log.payloadMismatches++
              return {
                eventId,
                status: "queued",
                routingStatus: "delivered",
                processedAt: new Date(now).toISOString()
              }
            }
          }
        }).pipe(
          Effect.catchTag("HttpServerError", () => Effect.succeed(Answers.failure(400, "the body cannot be read")))
        )
      )
  )

export const openapiPath = "/openapi.json"

/** The handlers of every route of `EventBridgeApi`, and its document. */
export const layer = (state: EmulatorState) =>
  HttpApiBuilder.layer(EventBridgeApi, { openapiPath }).pipe(
    Layer.provide([oauth(state), deadLetters(state), SubscriptionHandlers.layer(state)]),
    Layer.provide(bearer(state))
  )
