import { Clock, Effect, Result, Schema } from "effect"
import { HttpServerResponse, type HttpServerRequest } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { EventBridgeApi } from "../api/EventBridgeApi.ts"
import type { Subscription } from "../domain/Subscription.ts"
import { SubscriptionDefinition } from "../domain/SubscriptionDefinition.ts"
import { maxSubscriptions } from "../domain/SubscriptionPlan.ts"
import * as Answers from "./Answers.ts"
import type { EmulatorState } from "./EmulatorState.ts"

type Response = HttpServerResponse.HttpServerResponse

const decodeDefinition = Schema.decodeUnknownResult(Schema.fromJsonString(SubscriptionDefinition), { errors: "all" })

const unknown = (id: string) => Answers.failure(404, `there is no subscription ${id}`)

const found = (id: string, body: unknown) => (body === undefined ? unknown(id) : Answers.json(200, body))

/** The whole answer to a write: only `GET` shows what became of the definition. */
const receipt = (status: number, { createdDate, id, name, state }: Subscription) =>
  Answers.json(status, { id, name, state, createdDate })

/** A create or an update: read, then checked and applied without a pause, once per key. */
const write = Effect.fnUntraced(
  function* (
    { answeredKeys }: EmulatorState,
    request: HttpServerRequest.HttpServerRequest,
    key: string,
    apply: (definition: SubscriptionDefinition, now: number) => Result.Result<Response, Response>
  ) {
    const text = yield* request.text
    if (key === "") return Answers.failure(400, "the Idempotency-Key header is empty")
    const definition = decodeDefinition(text)
    if (Result.isFailure(definition)) return Answers.failure(400, definition.failure.message)
    const now = yield* Clock.currentTimeMillis
    return answeredKeys.answer(key, text, now, () => apply(definition.success, now))
  },
  Effect.catchTag("HttpServerError", () => Effect.succeed(Answers.failure(400, "the body cannot be read")))
)

const create =
  ({ log, subscriptions }: EmulatorState) =>
  (definition: SubscriptionDefinition, now: number): Result.Result<Response, Response> => {
    if (subscriptions.size >= maxSubscriptions) {
      return Result.fail(
        Answers.failure(422, `the organization has reached its limit of ${maxSubscriptions} subscriptions`)
      )
    }
    log.subscriptionWrites.creates++
    return Result.succeed(receipt(201, subscriptions.add(definition, now)))
  }

const update =
  ({ log, subscriptions }: EmulatorState, id: string) =>
  (definition: SubscriptionDefinition): Result.Result<Response, Response> => {
    const updated = subscriptions.replace(id, definition)
    if (updated === undefined) return Result.fail(unknown(id))
    log.subscriptionWrites.updates++
    return Result.succeed(receipt(200, updated))
  }

/** The handlers of the subscription routes. */
export const layer = (state: EmulatorState) => {
  const { log, subscriptionPage, subscriptions } = state
  return HttpApiBuilder.group(EventBridgeApi, "subscriptions", (handlers) =>
    handlers
      .handleRaw("create", ({ headers, request }) => write(state, request, headers["idempotency-key"], create(state)))
      .handleRaw("update", ({ headers, params, request }) =>
        write(state, request, headers["idempotency-key"], update(state, params.id))
      )
      .handle("get", ({ params: { id } }) => Effect.sync(() => found(id, subscriptions.get(id))))
      .handle("list", ({ query }) =>
        Effect.sync(() => {
          const page = subscriptionPage(query.nextPageToken, query.limit)
          if (page === undefined) return Answers.failure(400, "nextPageToken was never given")
          const { entries, ...rest } = page
          return Answers.json(200, { subscriptions: entries, ...rest })
        })
      )
      .handle("delete", ({ params: { id } }) =>
        Effect.sync(() => {
          if (!subscriptions.remove(id)) return unknown(id)
          log.subscriptionWrites.deletes++
          return HttpServerResponse.empty({ status: 204 })
        })
      )
      .handle("deliveryStatus", ({ params: { id } }) => Effect.sync(() => found(id, subscriptions.poll(id))))
  )
}
