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
import { DeadLetter } from "../domain/DeadLetter.ts"
import { DeadLetterPageBody } from "../domain/DeadLetterPage.ts"
import { PathSegment } from "../domain/PathSegment.ts"
import { ReplayBody, ReplayReceipt } from "../domain/ReplayRequest.ts"
import { DeliveryStatus, Subscription } from "../domain/Subscription.ts"
import { SubscriptionDefinition } from "../domain/SubscriptionDefinition.ts"

/** A failure as the service words it. Anything else is possible, too: bodies of failures are read as text, never trusted. */
export const FailureBody = Schema.Struct({ message: Schema.String })

const failure = (status: number, description: string) =>
  FailureBody.pipe(HttpApiSchema.status(status)).annotate({ identifier: `Failure${status}`, description })

// Each is made once, so that the document has one component for each.
const limited = failure(429, "Too many requests: try again, not before Retry-After")
const failed = failure(500, "The service failed, and may have accepted the request all the same: try again")
const unavailable = failure(503, "The service is not available: try again, not before Retry-After where it is given")

/** Every status beyond 2xx that the service is known to answer with. */
const failures = [
  failure(400, "The request is wrong: final"),
  failure(401, "The token has expired or was revoked, or the credentials are wrong: try once more with a new token"),
  failure(403, "A scope is missing, or the region is wrong: final"),
  failure(404, "Not found: final"),
  failure(408, "The service gave up waiting: try again"),
  failure(409, "The idempotency key was used before, within the retention window"),
  failure(413, "The payload is larger than 262,144 bytes: final"),
  failure(422, "The request is wrong: final"),
  failure(425, "The service is not ready: try again"),
  limited,
  failed,
  failure(502, "A gateway had no valid answer from the service, which may have accepted the request: try again"),
  unavailable,
  failure(504, "A gateway had no answer from the service, which may have accepted the request: try again")
]

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
    .annotate({ identifier: `TokenFailure${status}`, description: "The credentials are wrong (RFC 6749, 5.2): final" })

const tokenFailures = [tokenFailure(400), tokenFailure(401), limited, failed, unavailable]

const token = <const Name extends string, const Path extends `/${string}`>(name: Name, path: Path, where: string) =>
  HttpApiEndpoint.post(name, path, {
    payload: TokenRequest.pipe(HttpApiSchema.asFormUrlEncoded()),
    success: TokenResponse,
    error: tokenFailures
  }).annotate(OpenApi.Summary, `Get an access token, ${where}`)

/** The token routes: the region endpoints use the first, tenant instances the second; the third is in use as well. */
export class OAuthGroup extends HttpApiGroup.make("oauth")
  .add(
    token("token", "/oauth2/token", "at an endpoint of a region"),
    token("instanceToken", "/api/v2/oauth/token", "at a tenant's own instance"),
    token("legacyToken", "/oauth/token", "where the other two are not in use")
  )
  .annotateMerge(OpenApi.annotations({ title: "OAuth 2.0", description: "Client credentials for an access token" })) {}

/**
 * Every route but the token's needs `Authorization: Bearer …`. A server of `EventBridgeApi` provides this to say which
 * tokens are valid.
 */
export class BearerToken extends HttpApiMiddleware.Service<BearerToken>()("effect-cxone-eventbridge/api/BearerToken", {
  security: { bearer: HttpApiSecurity.bearer }
}) {}

const described = (description: string) => Schema.String.annotate({ description })

const paging = {
  limit: Schema.optionalKey(Schema.FiniteFromString.check(Schema.isInt(), Schema.isGreaterThan(0))),
  nextPageToken: Schema.optionalKey(described("As given by the previous page; absent for the first page"))
} as const
const idempotent = {
  "idempotency-key": described("The same for each try of a request, in printable ASCII; all else percent-encoded")
} as const

/** Dead letters and their replay. */
export class DeadLettersGroup extends HttpApiGroup.make("deadLetters")
  .add(
    HttpApiEndpoint.get("list", "/api/v2/eventbridge/dlq/events", {
      query: { topicId: Schema.String, ...paging },
      success: DeadLetterPageBody,
      error: failures
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List dead letters, a page at a time",
        description:
          "Only the absence of nextPageToken ends the list. An event may also be something other than a DeadLetter."
      })
    ),
    HttpApiEndpoint.put("replay", "/api/v2/eventbridge/topics/:topicId/events", {
      params: { topicId: PathSegment },
      headers: idempotent,
      payload: ReplayBody,
      success: [ReplayReceipt, ReplayReceipt.pipe(HttpApiSchema.status(201))],
      error: failures
    }).annotate(OpenApi.Summary, "Replay a dead letter")
  )
  .middleware(BearerToken)
  .annotateMerge(OpenApi.annotations({ title: "Dead letters", description: "The dead letter queue and its replay" })) {}

/** A page of subscriptions. */
export const SubscriptionPageBody = Schema.Struct({
  subscriptions: Schema.Array(Subscription),
  nextPageToken: Schema.optionalKey(Schema.NullOr(Schema.String))
})

const deleted = HttpApiSchema.NoContent.annotate({ description: "It is deleted" })
const byId = { params: { id: PathSegment }, error: failures } as const
const keyed = { headers: idempotent, payload: SubscriptionDefinition } as const

/** Subscriptions and whether they deliver. */
export class SubscriptionsGroup extends HttpApiGroup.make("subscriptions")
  .add(
    HttpApiEndpoint.post("create", "/", {
      ...keyed,
      success: [Subscription, Subscription.pipe(HttpApiSchema.status(201))],
      error: failures
    }).annotate(OpenApi.Summary, "Create a subscription; the answer may hold only its id, name, state and date"),
    HttpApiEndpoint.put("update", "/:id", { ...byId, ...keyed, success: Subscription }).annotate(
      OpenApi.Summary,
      "Replace the definition of a subscription"
    ),
    HttpApiEndpoint.get("get", "/:id", { ...byId, success: Subscription }).annotate(
      OpenApi.Summary,
      "Get a subscription with its definition"
    ),
    HttpApiEndpoint.get("list", "/", { query: paging, success: SubscriptionPageBody, error: failures }).annotate(
      OpenApi.Summary,
      "List subscriptions, a page at a time"
    ),
    HttpApiEndpoint.delete("delete", "/:id", { ...byId, success: deleted }).annotate(
      OpenApi.Summary,
      "Delete a subscription"
    ),
    HttpApiEndpoint.get("deliveryStatus", "/:id/delivery-status", { ...byId, success: DeliveryStatus }).annotate(
      OpenApi.Summary,
      "Whether the events of a subscription arrive: its state is active and there is no last error"
    )
  )
  .prefix("/api/v2/eventbridge/subscriptions")
  .middleware(BearerToken)
  .annotateMerge(OpenApi.annotations({ title: "Subscriptions", description: "Which events go where" })) {}

/** The part of NICE CXone EventBridge that this library speaks. Client, emulator and OpenAPI document derive from it. */
export class EventBridgeApi extends HttpApi.make("cxone-eventbridge")
  .add(OAuthGroup)
  .add(DeadLettersGroup)
  .add(SubscriptionsGroup)
  .annotate(HttpApi.AdditionalSchemas, [DeadLetter.annotate({ identifier: "DeadLetter" })])
  .annotateMerge(
    OpenApi.annotations({
      title: "NICE CXone EventBridge",
      version: "2",
      description: "Subscriptions, dead letters and their replay, as far as effect-cxone-eventbridge speaks it"
    })
  ) {}
