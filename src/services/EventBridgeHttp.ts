import { Context, Effect, Layer, Option, Result, Schema } from "effect"
import { Headers, HttpBody, type HttpClient, HttpClientRequest, UrlParams } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { SchemaJITCompiler } from "effect/schema"
import { EventBridgeApi, SubscriptionPageBody } from "../api/EventBridgeApi.ts"
import * as DeadLetterPage from "../domain/DeadLetterPage.ts"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import * as IdempotencyKey from "../domain/IdempotencyKey.ts"
import * as LosslessJson from "../domain/LosslessJson.ts"
import type { Operation } from "../domain/Operation.ts"
import * as PageTokens from "../domain/PageTokens.ts"
import { PathSegment } from "../domain/PathSegment.ts"
import { ReplayReceipt, type ReplayRequest } from "../domain/ReplayRequest.ts"
import { DeliveryStatus, Subscription } from "../domain/Subscription.ts"
import type { SubscriptionDefinition } from "../domain/SubscriptionDefinition.ts"
import { AuthorizedHttp } from "./AuthorizedHttp.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import * as OneEntryCache from "./OneEntryCache.ts"
import type { Token } from "./Token.ts"
import type { Transport } from "./Transport.ts"

/** Which page of a list to read. */
export interface PageRequest {
  /** Entries per page, at most. */
  readonly limit: number
  /** Absent for the first page. */
  readonly nextPageToken: string | undefined
}

/** A page of subscriptions. */
export interface SubscriptionPage {
  readonly subscriptions: ReadonlyArray<Subscription>
  readonly nextPageToken: string | undefined
}

/** A replay that the service accepted. */
export interface ReplayAnswer {
  /** Absent when it could not be read: the event was accepted all the same. */
  readonly receipt: ReplayReceipt | undefined
}

/** A write of a subscription. */
export interface SubscriptionWrite {
  readonly definition: SubscriptionDefinition
  readonly idempotencyKey: string
}

/** The calls of the service, typed. Each fails with `EventBridgeError` once no further retry is due. */
export class EventBridgeHttp extends Context.Service<
  EventBridgeHttp,
  {
    /**
     * Gets a token and checks that it has the scopes these calls need, as far as the service reports them. Fails before
     * anything is sent that would only fail later.
     */
    readonly authorize: (operations: ReadonlyArray<Operation>) => Effect.Effect<void, EventBridgeError>
    readonly listDeadLetters: (
      request: PageRequest & { readonly topicId: string }
    ) => Effect.Effect<DeadLetterPage.DeadLetterPage, EventBridgeError>
    readonly replay: (request: ReplayRequest) => Effect.Effect<ReplayAnswer, EventBridgeError>
    readonly createSubscription: (write: SubscriptionWrite) => Effect.Effect<Subscription, EventBridgeError>
    readonly updateSubscription: (id: string, write: SubscriptionWrite) => Effect.Effect<Subscription, EventBridgeError>
    readonly getSubscription: (id: string) => Effect.Effect<Subscription, EventBridgeError>
    readonly listSubscriptions: (request: PageRequest) => Effect.Effect<SubscriptionPage, EventBridgeError>
    readonly deleteSubscription: (id: string) => Effect.Effect<void, EventBridgeError>
    readonly deliveryStatus: (id: string) => Effect.Effect<DeliveryStatus, EventBridgeError>
  }
>()("effect-cxone-eventbridge/services/EventBridgeHttp") {
  static readonly make = Effect.gen(function* () {
    const { timeouts } = yield* EventBridgeConfig
    const { authorize, call, probe } = yield* AuthorizedHttp
    const responseMode = "response-only"

    const listDeadLetters = Effect.fn("EventBridgeHttp.listDeadLetters")(
      ({ limit, nextPageToken, topicId }: PageRequest & { readonly topicId: string }) =>
        call({
          operation: "ListDeadLetters",
          timeout: timeouts.page,
          send: ({ routes }) =>
            routes.deadLetters.list({ query: { topicId, ...page({ limit, nextPageToken }) }, responseMode }),
          read: (body) => Result.map(readLetters(body), (letters) => DeadLetterPage.fromBody(nextPageToken, letters))
        })
    )

    // The letters of a queue usually belong to one topic.
    const pathTo = OneEntryCache.make((topicId) =>
      Result.map(decodeReplayParams({ topicId }), (params) => urls.deadLetters.replay({ params }))
    )
    const probeOf = OneEntryCache.make((topicId) =>
      probe({
        operation: "ListDeadLetters",
        timeout: timeouts.page,
        send: ({ routes }) => routes.deadLetters.list({ query: { topicId, limit: 1 }, responseMode })
      })
    )

    // Made by the thousand, from what `ReplayRequest.build` has checked: the derived client would check it again.
    const replay = (request: ReplayRequest) =>
      call({
        operation: "ReplayEvent",
        timeout: timeouts.replay,
        send: ({ client }) => {
          const path = pathTo(request.topicId)
          return Result.isSuccess(path)
            ? client.execute(replayRequest(path.success, request))
            : Effect.fail(path.failure)
        },
        read: readAnswer,
        probe: probeOf(request.topicId)
      })

    const createSubscription = Effect.fn("EventBridgeHttp.createSubscription")(
      ({ definition, idempotencyKey }: SubscriptionWrite) =>
        call({
          operation: "CreateSubscription",
          timeout: timeouts.default,
          send: ({ routes }) =>
            routes.subscriptions.create({ headers: header(idempotencyKey), payload: definition, responseMode }),
          read: readSubscription
        }),
      Effect.tap(({ id }) => Effect.annotateCurrentSpan("cxone.subscription.id", id))
    )

    const updateSubscription = Effect.fn("EventBridgeHttp.updateSubscription")(
      (id: string, { definition, idempotencyKey }: SubscriptionWrite) =>
        call({
          operation: "UpdateSubscription",
          timeout: timeouts.default,
          send: ({ routes }) =>
            routes.subscriptions.update({
              params: { id },
              headers: header(idempotencyKey),
              payload: definition,
              responseMode
            }),
          read: readSubscription
        }),
      about
    )

    const getSubscription = Effect.fn("EventBridgeHttp.getSubscription")(
      (id: string) =>
        call({
          operation: "GetSubscription",
          timeout: timeouts.default,
          send: ({ routes }) => routes.subscriptions.get({ params: { id }, responseMode }),
          read: readSubscription
        }),
      about
    )

    const listSubscriptions = Effect.fn("EventBridgeHttp.listSubscriptions")((request: PageRequest) =>
      call({
        operation: "ListSubscriptions",
        timeout: timeouts.page,
        send: ({ routes }) => routes.subscriptions.list({ query: page(request), responseMode }),
        read: readSubscriptions
      })
    )

    const deleteSubscription = Effect.fn("EventBridgeHttp.deleteSubscription")(
      (id: string) =>
        call({
          operation: "DeleteSubscription",
          timeout: timeouts.default,
          send: ({ routes }) => routes.subscriptions.delete({ params: { id }, responseMode }),
          read: readNothing
        }),
      about
    )

    const deliveryStatus = Effect.fn("EventBridgeHttp.deliveryStatus")(
      (id: string) =>
        call({
          operation: "DeliveryStatus",
          timeout: timeouts.default,
          send: ({ routes }) => routes.subscriptions.deliveryStatus({ params: { id }, responseMode }),
          read: readDeliveryStatus
        }),
      about
    )

    return EventBridgeHttp.of({
      authorize,
      listDeadLetters,
      replay,
      createSubscription,
      updateSubscription,
      getSubscription,
      listSubscriptions,
      deleteSubscription,
      deliveryStatus
    })
  })

  static readonly layer: Layer.Layer<
    EventBridgeHttp,
    never,
    EventBridgeConfig | Transport | Token | HttpClient.HttpClient
  > = Layer.effect(EventBridgeHttp, EventBridgeHttp.make).pipe(Layer.provide(AuthorizedHttp.layer))
}

const page = ({ limit, nextPageToken }: PageRequest) => ({
  limit,
  ...(nextPageToken === undefined ? {} : { nextPageToken })
})

/** Notes on a call's span which subscription it is about. */
const about = <A, E, R>(self: Effect.Effect<A, E, R>, id: string): Effect.Effect<A, E, R> =>
  Effect.andThen(Effect.annotateCurrentSpan("cxone.subscription.id", id), self)

const header = (idempotencyKey: string) => ({ "idempotency-key": IdempotencyKey.toHeader(idempotencyKey) })

const urls = HttpApiClient.urlBuilder(EventBridgeApi)

const decodeReplayParams = Schema.decodeUnknownResult(Schema.Struct({ topicId: PathSegment }))

const contentType = "application/json"

/** Made in one step: each of `HttpClientRequest`'s combinators would copy the headers once more. */
const replayRequest = (path: string, { body: json, idempotencyKey }: ReplayRequest) => {
  const body = HttpBody.text(json, contentType)
  const headers = Headers.fromRecordUnsafe({
    ...header(idempotencyKey),
    "content-type": contentType,
    "content-length": String(body.contentLength)
  })
  return HttpClientRequest.makeWith("PUT", path, UrlParams.empty, Option.none(), headers, body)
}

/** Reads JSON by its schema; fails with a description of what is wrong. */
const reader = <A>(schema: Schema.ConstraintDecoder<A>) => {
  SchemaJITCompiler.enable(schema.ast)
  const decode = Schema.decodeUnknownResult(schema)
  return (body: string): Result.Result<A, string> =>
    Result.flatMap(LosslessJson.parse(body), (json) => Result.mapError(decode(json), (error) => error.message))
}

/** Nothing, as the contract says, or JSON that nobody needs. A page from whatever answers in its place is neither. */
const readNothing = (body: string): Result.Result<void, string> =>
  body === "" ? Result.void : Result.map(LosslessJson.parse(body), () => undefined)

const readReceipt = reader(ReplayReceipt)
/** The event was accepted, whatever the receipt looks like. */
const readAnswer = (body: string): Result.Result<ReplayAnswer, string> =>
  Result.succeed({ receipt: Result.getOrUndefined(readReceipt(body)) })
const readLetters = reader(DeadLetterPage.DeadLetterPageBody)
const readSubscription = reader(Subscription)
const readDeliveryStatus = reader(DeliveryStatus)
const readSubscriptionPage = reader(SubscriptionPageBody)
const readSubscriptions = (body: string) =>
  Result.map(readSubscriptionPage(body), ({ nextPageToken, subscriptions }) => ({
    subscriptions,
    nextPageToken: PageTokens.next(nextPageToken)
  }))
