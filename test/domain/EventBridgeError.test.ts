import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import {
  Classification,
  DuplicateDetected,
  EventBridgeError,
  Forbidden,
  MalformedResponse,
  MaxRetriesExceeded,
  NetworkFailure,
  NotFound,
  PayloadTooLarge,
  RateLimited,
  type Reason,
  RequestTimeout,
  SchemaViolation,
  ServerTransient,
  ServiceUnavailable,
  Unauthorized,
  UnknownFailure
} from "../../src/index.ts"

const detail = "the detail"

const tryReasons = [
  [new SchemaViolation({ status: 422, detail }), "SCHEMA_VIOLATION"],
  [new Unauthorized({ detail }), "UNAUTHORIZED"],
  [new Forbidden({ detail, scopes: ["eventbridge:read"] }), "FORBIDDEN"],
  [new NotFound({ detail }), "NOT_FOUND"],
  [new RequestTimeout({ status: 408, detail }), "TIMEOUT"],
  [new DuplicateDetected({ detail }), "DUPLICATE_DETECTED"],
  [new PayloadTooLarge({ detail }), "PAYLOAD_TOO_LARGE"],
  [new RateLimited({ detail, maxRetryAfterMillis: 1 }), "RATE_LIMITED"],
  [new ServerTransient({ status: 503, detail }), "SERVER_TRANSIENT"],
  [new NetworkFailure({ detail }), "NETWORK"],
  [new MalformedResponse({ status: 200, detail }), "MALFORMED_RESPONSE"],
  [new UnknownFailure({ detail }), "UNKNOWN_FAILURE"]
] as const

const errorOf = (reason: Reason, tries = 1) =>
  new EventBridgeError({ operation: "ReplayEvent", reason, tries, ambiguous: false })

describe("EventBridgeError", () => {
  it.each(tryReasons)("$_tag says what happened, what it counts as and what to do", (reason, classification) => {
    const error = errorOf(reason)
    assert.strictEqual(error.classification, classification)
    assert.include(error.message, detail)
    assert.include(error.message, "ReplayEvent")
    assert.include(String(error), detail)
    assert.strictEqual(error.hint, reason.hint)
    assert.isAbove(error.hint.length, 20)
  })

  it.each(tryReasons)("when tries run out, the last failure is reported: $_tag", (reason) => {
    const error = errorOf(new MaxRetriesExceeded({ last: reason }), 7)
    assert.strictEqual(error.classification, "MAX_RETRIES_EXCEEDED")
    assert.include(error.message, reason.message)
    assert.strictEqual(error.hint, reason.hint)
  })

  it("every classification has a reason", () => {
    const classifications = [...tryReasons.map(([, classification]) => classification), "MAX_RETRIES_EXCEEDED"]
    assert.sameMembers(classifications, [...Classification.literals])
  })

  it("a service that is down is classified by the failure last seen", () => {
    const last = new NetworkFailure({ detail: "reset" })
    assert.strictEqual(new ServiceUnavailable({ waitedMillis: 1, last }).classification, "NETWORK")
    const error = errorOf(new ServiceUnavailable({ waitedMillis: 300_000 }))
    assert.strictEqual(error.classification, "SERVER_TRANSIENT")
    assert.include(error.message, "did not come back within 5m")
  })

  it("messages contain the status", () => {
    assert.include(new SchemaViolation({ status: 422, detail }).message, "422")
    assert.include(new ServerTransient({ status: 503, detail }).message, "503")
    assert.include(new RequestTimeout({ status: 425, detail }).message, "425")
  })

  it("hints name what has to be set or granted", () => {
    assert.include(new Unauthorized({ detail }).hint, "CXONE_CLIENT_SECRET")
    const scopes = ["eventbridge:read", "eventbridge:write"]
    assert.include(new Forbidden({ detail, scopes }).hint, "eventbridge:read eventbridge:write")
    assert.include(new Forbidden({ detail, scopes: [] }).hint, "the scopes of this call")
  })

  it("a rate limit is retried unless the pause is too long", () => {
    const limited = (retryAfterMillis: number) =>
      new RateLimited({ detail, retryAfterMillis, maxRetryAfterMillis: 120_000 })
    assert.isTrue(new RateLimited({ detail, maxRetryAfterMillis: 1 }).isRetryable)
    assert.isTrue(limited(120_000).isRetryable)
    assert.isFalse(limited(120_001).isRetryable)
    assert.include(limited(3000).message, "retry after 3s")
    assert.include(limited(3_600_000).message, "retry after 1h, more than the 2m this client waits")
  })

  it.effect("one reason is handled by its name", () =>
    Effect.gen(function* () {
      const handled = Effect.fail(errorOf(new NotFound({ detail }))).pipe(
        Effect.catchReason("EventBridgeError", "NotFound", (reason) => Effect.succeed(reason.detail))
      )
      assert.strictEqual(yield* handled, detail)
    })
  )

  it("survives a checkpoint: every reason comes back from JSON as itself", () => {
    const codec = Schema.fromJsonString(EventBridgeError)
    for (const [reason] of tryReasons) {
      const error = errorOf(new MaxRetriesExceeded({ last: reason }), 7)
      const back = Schema.decodeSync(codec)(Schema.encodeSync(codec)(error))
      assert.instanceOf(back, EventBridgeError)
      assert.strictEqual(back.message, error.message)
      assert.strictEqual(back.tries, 7)
    }
  })
})
