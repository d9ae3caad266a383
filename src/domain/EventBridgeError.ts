import { Duration, Schema } from "effect"
import type { Classification } from "./Classification.ts"
import { Operation } from "./Operation.ts"

const Detail = { detail: Schema.String }
const StatusAndDetail = { status: Schema.Int, detail: Schema.String }

/** 400 or 422: the service refuses the request as it is. */
export class SchemaViolation extends Schema.TaggedError<SchemaViolation>()("SchemaViolation", StatusAndDetail) {
  readonly classification = "SCHEMA_VIOLATION" satisfies Classification
  readonly isRetryable = false
  readonly isAmbiguous = false
  readonly hint = "Compare the request with what the service expects; sending it again will not help."
  override get message(): string {
    return `the service refused the request (${this.status}): ${this.detail}`
  }
}

/** 401 with a token that was fetched for this very call, or refused client credentials. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", Detail) {
  readonly classification = "UNAUTHORIZED" satisfies Classification
  readonly isRetryable = false
  readonly isAmbiguous = false
  readonly hint = "Check CXONE_CLIENT_ID and CXONE_CLIENT_SECRET, and that they belong to this region or instance."
  override get message(): string {
    return `the credentials were refused: ${this.detail}`
  }
}

/** 403: the token lacks a scope, or the region is not the tenant's. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  detail: Schema.String,
  /** The scopes the call needs, for whoever grants them. */
  scopes: Schema.Array(Schema.String)
}) {
  readonly classification = "FORBIDDEN" satisfies Classification
  readonly isRetryable = false
  readonly isAmbiguous = false
  get hint(): string {
    const scopes = this.scopes.length === 0 ? "the scopes of this call" : this.scopes.join(" ")
    return `Grant the client ${scopes}, or check that CXONE_INSTANCE_URL or CXONE_REGION is your tenant's.`
  }
  override get message(): string {
    return `access was denied: ${this.detail}`
  }
}

/** 404. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", Detail) {
  readonly classification = "NOT_FOUND" satisfies Classification
  readonly isRetryable = false
  readonly isAmbiguous = false
  readonly hint = "Check the id, and that CXONE_INSTANCE_URL or CXONE_REGION is your tenant's."
  override get message(): string {
    return `not found (404): ${this.detail}`
  }
}

/** 408 or 425: the service gave up waiting, or was not ready. */
export class RequestTimeout extends Schema.TaggedError<RequestTimeout>()("RequestTimeout", StatusAndDetail) {
  readonly classification = "TIMEOUT" satisfies Classification
  readonly isRetryable = true
  readonly isAmbiguous = true
  readonly hint = "The service was slow to accept the request; try again later or lower the concurrency."
  override get message(): string {
    return `the service timed out (${this.status}): ${this.detail}`
  }
}

/** 409: the idempotency key was used before, within the service's retention window. */
export class DuplicateDetected extends Schema.TaggedError<DuplicateDetected>()("DuplicateDetected", Detail) {
  readonly classification = "DUPLICATE_DETECTED" satisfies Classification
  readonly isRetryable = false
  readonly isAmbiguous = false
  readonly hint =
    "Nothing to do for an event: the service has it already. For a subscription, the detail says what is in the way."
  override get message(): string {
    return `the idempotency key was used before, or something else is in the way (409): ${this.detail}`
  }
}

/** 413. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("PayloadTooLarge", Detail) {
  readonly classification = "PAYLOAD_TOO_LARGE" satisfies Classification
  readonly isRetryable = false
  readonly isAmbiguous = false
  readonly hint = "The event is larger than the service accepts; it has to be delivered another way."
  override get message(): string {
    return `the request is too large for the service (413): ${this.detail}`
  }
}

/** 429, or a 5xx with a pause too long to wait for. Final when that pause is longer than `maxRetryAfter` allows. */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  detail: Schema.String,
  /** Absent for 429. */
  status: Schema.optionalKey(Schema.Int),
  /** The pause the service asked for, in milliseconds; absent when it named none that can be read. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite),
  /** The longest pause this client is willing to wait, in milliseconds. */
  maxRetryAfterMillis: Schema.Finite
}) {
  readonly classification = "RATE_LIMITED" satisfies Classification
  /** A 5xx is no sign of a rate limit, however long a pause it asks for. */
  get isServerFailure(): boolean {
    return this.status !== undefined
  }
  /** After a 5xx the request may have been accepted all the same; after a 429 it was not. */
  get isAmbiguous(): boolean {
    return this.isServerFailure
  }
  get isRetryable(): boolean {
    return this.retryAfterMillis === undefined || this.retryAfterMillis <= this.maxRetryAfterMillis
  }
  get hint(): string {
    return this.isRetryable
      ? "Lower the concurrency or set a rate limit, or run again later."
      : "Run again after the pause the service asks for, or raise maxRetryAfter."
  }
  override get message(): string {
    const asked =
      this.retryAfterMillis === undefined
        ? ""
        : `, retry after ${Duration.format(Duration.millis(this.retryAfterMillis))}`
    const cap = this.isRetryable
      ? ""
      : `, more than the ${Duration.format(Duration.millis(this.maxRetryAfterMillis))} this client waits`
    const what = this.isServerFailure ? `the service failed (${this.status}` : "the service limits the rate (429"
    return `${what}${asked}${cap}): ${this.detail}`
  }
}

/** Any 5xx. The service may have accepted the request all the same. */
export class ServerTransient extends Schema.TaggedError<ServerTransient>()("ServerTransient", {
  ...StatusAndDetail,
  /** A pause the service asked for, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {
  readonly classification = "SERVER_TRANSIENT" satisfies Classification
  readonly isRetryable = true
  readonly isAmbiguous = true
  readonly hint = "The service is failing; try again later."
  override get message(): string {
    return `the service failed (${this.status}): ${this.detail}`
  }
}

/** No answer: refused, reset, DNS, TLS, or the deadline of the call passed. The request may have arrived. */
export class NetworkFailure extends Schema.TaggedError<NetworkFailure>()("NetworkFailure", Detail) {
  readonly classification = "NETWORK" satisfies Classification
  readonly isRetryable = true
  readonly isAmbiguous = true
  readonly hint = "Check CXONE_INSTANCE_URL or CXONE_REGION, and the network between here and the service."
  override get message(): string {
    return `no answer: ${this.detail}`
  }
}

/** A success status whose body is not what the contract says. */
export class MalformedResponse extends Schema.TaggedError<MalformedResponse>()("MalformedResponse", StatusAndDetail) {
  readonly classification = "MALFORMED_RESPONSE" satisfies Classification
  readonly isRetryable = false
  readonly isAmbiguous = false
  readonly hint = "A proxy or a sign-in page may have answered in place of the service, or its API has changed."
  override get message(): string {
    return `the answer (${this.status}) could not be read: ${this.detail}`
  }
}

/** The application's rate limiter could not say when the next request may go out: it was not sent. */
export class RateLimiterFailure extends Schema.TaggedError<RateLimiterFailure>()("RateLimiterFailure", Detail) {
  readonly classification = "UNKNOWN_FAILURE" satisfies Classification
  readonly isRetryable = true
  readonly isAmbiguous = false
  readonly hint = "Check the store of the RateLimiter that the application provides; nothing was sent."
  override get message(): string {
    return `the rate limiter failed: ${this.detail}`
  }
}

/** Any other status, or a request that could not be put on the wire. */
export class UnknownFailure extends Schema.TaggedError<UnknownFailure>()("UnknownFailure", Detail) {
  readonly classification = "UNKNOWN_FAILURE" satisfies Classification
  readonly isRetryable = false
  readonly isAmbiguous = false
  readonly hint = "The detail says what happened; the API does not document it."
  override get message(): string {
    return `unexpected: ${this.detail}`
  }
}

/** The failures one try can end with. */
export const TryReason = Schema.Union([
  SchemaViolation,
  Unauthorized,
  Forbidden,
  NotFound,
  RequestTimeout,
  DuplicateDetected,
  PayloadTooLarge,
  RateLimited,
  ServerTransient,
  NetworkFailure,
  MalformedResponse,
  RateLimiterFailure,
  UnknownFailure
])
export type TryReason = typeof TryReason.Type

/** Every try the policy allows failed; `last` is the failure of the last one. */
export class MaxRetriesExceeded extends Schema.TaggedError<MaxRetriesExceeded>()("MaxRetriesExceeded", {
  last: TryReason
}) {
  readonly classification = "MAX_RETRIES_EXCEEDED" satisfies Classification
  readonly isRetryable = false
  get hint(): string {
    return this.last.hint
  }
  override get message(): string {
    return `gave up: ${this.last.message}`
  }
}

/**
 * The circuit breaker stayed open for longer than the call was willing to wait: the service as a whole is down, whatever
 * this call wanted of it.
 */
export class ServiceUnavailable extends Schema.TaggedError<ServiceUnavailable>()("ServiceUnavailable", {
  /** How long the call waited for the service to come back, in milliseconds. */
  waitedMillis: Schema.Finite,
  /** The failure seen last, when this call saw one itself. */
  last: Schema.optionalKey(TryReason)
}) {
  readonly isRetryable = false
  readonly hint = "Wait until the service is up again; nothing that was held back is lost."
  get classification(): Classification {
    return this.last === undefined ? "SERVER_TRANSIENT" : this.last.classification
  }
  override get message(): string {
    const last = this.last === undefined ? "" : `: ${this.last.message}`
    const seconds = Math.round(this.waitedMillis / 1000)
    const waited = seconds === 0 ? "" : `, and did not come back within ${Duration.format(Duration.seconds(seconds))}`
    return `the service is down${waited}${last}`
  }
}

/** Why a call failed. Every reason knows its `classification`, whether it `isRetryable`, and a `hint`: what to do. */
export const Reason = Schema.Union([TryReason, MaxRetriesExceeded, ServiceUnavailable])
export type Reason = typeof Reason.Type

/** The token path differs between tenants: a 404 is about that path, not about an id. */
const tokenRouteHint =
  "Check CXONE_TOKEN_PATH, and CXONE_INSTANCE_URL or CXONE_REGION: a tenant's own instance usually has /api/v2/oauth/token."

/**
 * A call of the service failed, after whatever retries were due. Handle one reason with
 * `Effect.catchReason("EventBridgeError", "RateLimited", …)`.
 */
export class EventBridgeError extends Schema.TaggedError<EventBridgeError>()("EventBridgeError", {
  operation: Operation,
  reason: Reason,
  /** How often the request was sent. */
  tries: Schema.Int,
  /** An earlier try of this call ended in such a way that the service may have accepted it. */
  ambiguous: Schema.Boolean
}) {
  get classification(): Classification {
    return this.reason.classification
  }
  get hint(): string {
    const isTokenRoute = this.operation === "Token" && this.reason._tag === "NotFound"
    return isTokenRoute ? tokenRouteHint : this.reason.hint
  }
  override get message(): string {
    const tries = this.tries > 1 ? ` (after ${this.tries} tries)` : ""
    return `${this.operation}: ${this.reason.message}${tries}`
  }
}
