import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import {
  DuplicateDetected,
  EventBridgeError,
  EventBridgeHttp,
  Forbidden,
  MaxRetriesExceeded,
  type Operation,
  RateLimited,
  RateLimiterFailure,
  type Reason,
  SchemaViolation,
  ServerTransient,
  ServiceUnavailable,
  Unauthorized
} from "../../src/index.ts"
import * as LetterReplay from "../../src/workflows/LetterReplay.ts"

const letter = { eventId: "evt_1", topicId: "t", payload: 1 }
const selected = { letter, request: { topicId: "t", idempotencyKey: "replay-evt_1-v1", body: "{}" } }

/** What becomes of a letter whose call fails. */
const failing = (failure: {
  readonly operation?: Operation
  readonly reason: Reason
  readonly ambiguous?: boolean
  readonly wasInFlight?: boolean
}) => {
  const { ambiguous = false, operation = "ReplayEvent", reason, wasInFlight = false } = failure
  return Effect.flatMap(LetterReplay.make, (replay) => replay(selected, wasInFlight)).pipe(
    Effect.provide(
      Layer.mock(EventBridgeHttp, {
        replay: () => Effect.fail(new EventBridgeError({ operation, reason, tries: 1, ambiguous }))
      })
    )
  )
}

it.effect.each([
  [false, false, "Duplicate", undefined],
  [true, false, "Accepted", "EarlierTry"],
  [false, true, "Accepted", "EarlierRun"],
  [true, true, "Accepted", "EarlierRun"]
] as const)(
  "409, ambiguous before: %s, in flight in an earlier process: %s: %s, by %s",
  ([ambiguous, wasInFlight, tag, by]) =>
    Effect.gen(function* () {
      const outcome = yield* failing({ reason: new DuplicateDetected({ detail: "known" }), ambiguous, wasInFlight })
      assert.strictEqual(outcome._tag, tag)
      assert.strictEqual(outcome._tag === "Accepted" ? outcome.confirmedBy : undefined, by)
    })
)

const detail = "no"
const transient = new ServerTransient({ status: 503, detail })

it.effect.each([
  [new SchemaViolation({ status: 400, detail }), "Rejected"],
  [new Forbidden({ detail, scopes: [] }), "Rejected"],
  [new Unauthorized({ detail }), "Rejected"],
  [new MaxRetriesExceeded({ last: transient }), "Exhausted"],
  [new MaxRetriesExceeded({ last: new RateLimited({ detail, maxRetryAfterMillis: 1 }) }), "Exhausted"],
  // The others may get through; a later run can try this one again.
  [new RateLimited({ status: 503, detail, retryAfterMillis: 2, maxRetryAfterMillis: 1 }), "Exhausted"]
] as const)("a failure of its own is final: %#", ([reason, tag]) =>
  Effect.gen(function* () {
    assert.strictEqual((yield* failing({ reason }))._tag, tag)
    // That an earlier process may have sent it makes no success of it.
    assert.strictEqual((yield* failing({ reason, ambiguous: true, wasInFlight: true }))._tag, tag)
  })
)

it.effect.each([
  { reason: new ServiceUnavailable({ waitedMillis: 1, last: transient }) },
  { reason: new RateLimited({ detail, retryAfterMillis: 2, maxRetryAfterMillis: 1 }) },
  { reason: new Unauthorized({ detail }), operation: "Token" },
  { reason: new MaxRetriesExceeded({ last: transient }), operation: "Token" },
  { reason: new MaxRetriesExceeded({ last: new RateLimiterFailure({ detail }) }) }
] as const)("a failure that all letters would meet is none of this one: %#", (failure) =>
  Effect.gen(function* () {
    assert.strictEqual((yield* Effect.flip(failing(failure))).reason, failure.reason)
  })
)
