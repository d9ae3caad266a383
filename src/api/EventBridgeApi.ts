import { Schema } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  OpenApi
} from "effect/http-api"
import { DeadLetterPageBody } from "../domain/DeadLetterPage.ts"
import { PathSegment } from "../domain/PathSegment.ts"
import { ReplayBody, ReplayReceipt } from "../domain/ReplayRequest.ts"
import { DeliveryStatus, Subscription } from "../domain/Subscription.ts"
import { SubscriptionDefinition } from "../domain/SubscriptionDefinition.ts"

/** A failure as the service words it. Anything else is possible, too: bodies of failures are read as text, never trusted. */
export const FailureBody = Schema.Struct({ message: Schema.String })

const failure = (status: number) =>
  FailureBody.pipe(HttpApiSchema.status(status)).annotate({ identifier: `Failure${status}` })

/** Every status beyond 2xx that the service is known to answer with. */
const failures = [400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504].map(failure)

/** The body of a token request (RFC 6749, client credentials). */
export const TokenRequest = Schema.Struct({
  grant_type: Schema.Literal("client_credentials"),
  client_id: Schema.String,
  client_secret: Schema.String,
  scope: Schema.optionalKey(Schema.String)
})

/** The answer to a token request. `expires_in` is not trusted: see `Token`. */
export const TokenResponse = Schema.Struct({
  access_token: Schema.NonEmptyString,
  token_type: Schema.optionalKey(Schema.String),
  expires_in: Schema.optionalKey(Schema.Unknown),
  scope: Schema.optionalKey(Schema.NullOr(Schema.String))
})

const tokenFailure = (status: number) =>
  Schema.Struct({ error: Schema.String, error_description: Schema.optionalKey(Schema.String) })
    .pipe(HttpApiSchema.status(status))
    .annotate({ identifier: `TokenFailure${status}` })

const token = <const Name extends string, const Path extends `/${string}`>(name: Name, path: Path) =>
  HttpApiEndpoint.post(name, path, {
    payload: TokenRequest.pipe(HttpApiSchema.asFormUrlEncoded()),
    success: TokenResponse,
    error: [tokenFailure(400), tokenFailure(401), failure(429), failure(500), failure(503)]
  })

/** The token routes: the region endpoints use the first, tenant instances the second; the third is in use as well. */
export class OAuthGroup extends HttpApiGroup.make("oauth")
  .add(
    token("token", "/oauth2/token"),
    token("instanceToken", "/api/v2/oauth/token"),
    token("legacyToken", "/oauth/token")
  )
  .annotateMerge(OpenApi.annotations({ title: "OAuth 2.0", description: "Client credentials for an access token" })) {}

/** Every route but the token's wants `Authorization: Bearer …`. */
export class BearerToken extends HttpApiMiddleware.Service<BearerToken>()("effect-cxone-eventbridge/api/BearerToken", {
  security: { bearer: HttpApiSecurity.bearer }
}) {}

const limit = Schema.FiniteFromString.check(Schema.isInt(), Schema.isGreaterThan(0))

/** Dead letters and their replay. */
export class DeadLettersGroup extends HttpApiGroup.make("deadLetters")
  .add(
    HttpApiEndpoint.get("list", "/api/v2/eventbridge/dlq/events", {
      query: {
        topicId: Schema.String,
        limit: Schema.optionalKey(limit),
        nextPageToken: Schema.optionalKey(Schema.String)
      },
      success: DeadLetterPageBody,
      error: failures
    }),
    HttpApiEndpoint.put("replay", "/api/v2/eventbridge/topics/:topicId/events", {
      params: { topicId: PathSegment },
      headers: { "idempotency-key": Schema.String },
      payload: ReplayBody,
      success: [ReplayReceipt, ReplayReceipt.pipe(HttpApiSchema.status(201))],
      error: failures
    })
  )
  .middleware(BearerToken)
  .annotateMerge(OpenApi.annotations({ title: "Dead letters", description: "The dead letter queue and its replay" })) {}

/** A page of subscriptions. */
export const SubscriptionPageBody = Schema.Struct({
  subscriptions: Schema.Array(Subscription),
  nextPageToken: Schema.optionalKey(Schema.NullOr(Schema.String))
})

const byId = { params: { id: PathSegment }, error: failures } as const
const keyed = { headers: { "idempotency-key": Schema.String }, payload: SubscriptionDefinition } as const

/** Subscriptions and whether they deliver. */
export class SubscriptionsGroup extends HttpApiGroup.make("subscriptions")
  .add(
    HttpApiEndpoint.post("create", "/", {
      ...keyed,
      success: [Subscription, Subscription.pipe(HttpApiSchema.status(201))],
      error: failures
    }),
    HttpApiEndpoint.put("update", "/:id", { ...byId, ...keyed, success: Subscription }),
    HttpApiEndpoint.get("get", "/:id", { ...byId, success: Subscription }),
    HttpApiEndpoint.get("list", "/", {
      query: { limit: Schema.optionalKey(limit), nextPageToken: Schema.optionalKey(Schema.String) },
      success: SubscriptionPageBody,
      error: failures
    }),
    HttpApiEndpoint.delete("delete", "/:id", { ...byId, success: HttpApiSchema.NoContent }),
    HttpApiEndpoint.get("deliveryStatus", "/:id/delivery-status", { ...byId, success: DeliveryStatus })
  )
  .prefix("/api/v2/eventbridge/subscriptions")
  .middleware(BearerToken)
  .annotateMerge(OpenApi.annotations({ title: "Subscriptions", description: "Which events go where" })) {}

/** The part of NICE CXone EventBridge that this library speaks. Client, emulator and OpenAPI document derive from it. */
export class EventBridgeApi extends HttpApi.make("cxone-eventbridge")
  .add(OAuthGroup)
  .add(DeadLettersGroup)
  .add(SubscriptionsGroup)
  .annotateMerge(
    OpenApi.annotations({
      title: "NICE CXone EventBridge",
      version: "2",
      description: "Subscriptions, dead letters and their replay, as far as effect-cxone-eventbridge speaks it"
    })
  ) {}
