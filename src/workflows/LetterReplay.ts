import { Clock, Effect, Result } from "effect"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import { ReplayOutcome, type Sent } from "../domain/ReplayOutcome.ts"
import * as ReplayRequest from "../domain/ReplayRequest.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import type { LeftOut, Selected } from "./LetterSelection.ts"

// Destructured once: `Data.taggedEnum` makes a new constructor at each access.
const { Accepted, Duplicate, Exhausted, Rejected, Skipped } = ReplayOutcome

/**
 * Sends a letter and returns its outcome. Fails only for reasons that would stop every other letter too. `wasInFlight`:
 * an earlier process of the run may have sent it.
 */
export const make = Effect.gen(function* () {
  const http = yield* EventBridgeHttp
  const clock = yield* Clock.Clock

  return ({ letter, request }: Selected, wasInFlight: boolean): Effect.Effect<ReplayOutcome, EventBridgeError> =>
    Effect.suspend(() => {
      const started = clock.monotonicTimeNanosUnsafe()
      const sent = (): Sent => ({
        eventId: letter.eventId,
        letter,
        idempotencyKey: request.idempotencyKey,
        latencyMillis: Number(clock.monotonicTimeNanosUnsafe() - started) / 1e6
      })
      return Effect.matchEffect(http.replay(request), {
        onSuccess: ({ receipt }) =>
          Effect.succeed(Accepted({ ...sent(), receipt, confirmedBy: receipt ? "Receipt" : "UnreadableReceipt" })),
        onFailure: (error) =>
          concernsAllLetters(error) ? Effect.fail(error) : Effect.succeed(failed(sent(), error, wasInFlight))
      })
    })
})

const failed = (sent: Sent, error: EventBridgeError, wasInFlight: boolean): ReplayOutcome => {
  switch (error.reason._tag) {
    case "DuplicateDetected": {
      if (wasInFlight) return Accepted({ ...sent, receipt: undefined, confirmedBy: "EarlierRun" })
      if (error.ambiguous) return Accepted({ ...sent, receipt: undefined, confirmedBy: "EarlierTry" })
      return Duplicate(sent)
    }
    case "MaxRetriesExceeded":
    case "RateLimited":
      return Exhausted({ ...sent, error })
    default:
      return Rejected({ ...sent, error })
  }
}

/**
 * Failures that every other letter would meet too: stop, rather than use up the letters one by one. A rate limit whose
 * pause is too long to wait for, or that lets nobody through, is set for the client, not for one letter; a 5xx with such
 * a pause may be for that one.
 */
const concernsAllLetters = ({ operation, reason }: EventBridgeError): boolean =>
  operation === "Token" ||
  reason._tag === "ServiceUnavailable" ||
  (reason._tag === "RateLimited" && !reason.isServerFailure) ||
  (reason._tag === "MaxRetriesExceeded" && reason.last._tag === "RateLimiterFailure")

/** What becomes of an entry of the queue that is not sent. */
export const leftOut = ({ entry, skip }: LeftOut): ReplayOutcome =>
  Result.match(entry, {
    onSuccess: (letter) =>
      Skipped({
        eventId: letter.eventId,
        letter,
        idempotencyKey: ReplayRequest.idempotencyKey(letter),
        skip
      }),
    onFailure: ({ eventId }) =>
      Skipped({
        eventId: eventId ?? "(none)",
        letter: undefined,
        // The attempt, which is part of the key, cannot be read either.
        idempotencyKey: undefined,
        skip
      })
  })
