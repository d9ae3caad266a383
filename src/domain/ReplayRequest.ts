import { Result, Schema } from "effect"
import type { DeadLetter } from "./DeadLetter.ts"
import { rootMessage } from "./Failure.ts"
import * as IdempotencyKey from "./IdempotencyKey.ts"
import { Skip } from "./Skip.ts"
import { maxBytesPerUnit } from "./Utf8.ts"

/** The most bytes of JSON in UTF-8 that the service accepts as `originalPayload`. */
export const maxPayloadBytes = 262_144

/** The body of a replay, member for member in the order the contract shows. */
export const ReplayBody = Schema.Struct({
  eventId: Schema.String,
  idempotencyKey: Schema.String,
  originalPayload: Schema.Unknown,
  retryMatrix: Schema.Struct({
    currentAttempt: Schema.Int,
    maxAllowed: Schema.Int,
    firstFailure: Schema.NullOr(Schema.String),
    lastFailure: Schema.NullOr(Schema.String),
    failureReason: Schema.NullOr(Schema.String)
  }),
  routingDirective: Schema.Struct({
    destinationOverride: Schema.NullOr(Schema.String),
    preserveOriginalTopic: Schema.Boolean
  }),
  replayMetadata: Schema.Struct({ initiatedAt: Schema.String, clientVersion: Schema.String })
})
export type ReplayBody = typeof ReplayBody.Type

/** The answer to a replay that was accepted. */
export const ReplayReceipt = Schema.Struct({
  eventId: Schema.String,
  status: Schema.String,
  routingStatus: Schema.optionalKey(Schema.NullOr(Schema.String)),
  processedAt: Schema.optionalKey(Schema.NullOr(Schema.String))
})
export type ReplayReceipt = typeof ReplayReceipt.Type

/** What all letters of a run have in common. */
export interface ReplayContext {
  /** The start of the run as ISO 8601, never the clock of a try: the same key must come with the same bytes. */
  readonly initiatedAt: string
  readonly clientVersion: string
  /** Replays beyond this attempt are not made. */
  readonly maxAttempts: number
  /** Deliver here instead of the letter's own topic. */
  readonly destination: string | undefined
}

/** A replay, ready to be sent. */
export interface ReplayRequest {
  readonly topicId: string
  readonly idempotencyKey: string
  /** `ReplayBody` as JSON, byte for byte as it goes out with every try. */
  readonly body: string
}

/** The attempt a replay of this letter would be: one more than the service has counted. */
export const currentAttempt = (letter: DeadLetter): number => (letter.retryCount ?? 0) + 1

export const idempotencyKey = (letter: DeadLetter): string =>
  IdempotencyKey.make(letter.eventId, currentAttempt(letter))

/** The size of a letter's payload as the service counts it: bytes of JSON in UTF-8. */
export const payloadBytes = (letter: DeadLetter): number =>
  new TextEncoder().encode(JSON.stringify(letter.payload)).length

/** A nesting of a few thousand levels is more than `JSON.stringify` can write. */
const toJson = (value: unknown): Result.Result<string, Skip> =>
  Result.try({
    try: () => JSON.stringify(value),
    catch: (cause) => Skip.UnreadableLetter({ issue: `its payload cannot be written as JSON: ${rootMessage(cause)}` })
  })

/** The replay of a letter, or why it is not to be replayed. A pure function of the letter and its run. */
export const build = (letter: DeadLetter, context: ReplayContext): Result.Result<ReplayRequest, Skip> => {
  if (letter.payload === undefined || letter.payload === null) {
    return Result.fail(Skip.PayloadMissing())
  }
  const attempt = currentAttempt(letter)
  if (attempt > context.maxAttempts) {
    return Result.fail(Skip.MaxAttemptsReached({ attempt, maxAttempts: context.maxAttempts }))
  }
  const key = idempotencyKey(letter)
  const body: ReplayBody = {
    eventId: letter.eventId,
    idempotencyKey: key,
    originalPayload: letter.payload,
    retryMatrix: {
      currentAttempt: attempt,
      maxAllowed: context.maxAttempts,
      firstFailure: letter.firstFailureTimestamp ?? null,
      lastFailure: letter.lastFailureTimestamp ?? null,
      failureReason: letter.failureReason ?? null
    },
    routingDirective: {
      destinationOverride: context.destination ?? null,
      preserveOriginalTopic: context.destination === undefined
    },
    replayMetadata: { initiatedAt: context.initiatedAt, clientVersion: context.clientVersion }
  }
  return Result.flatMap(toJson(body), (json) => {
    // The payload is part of the body: hardly any letter has a body so large that its payload must be measured.
    const bytes = json.length * maxBytesPerUnit > maxPayloadBytes ? payloadBytes(letter) : 0
    return bytes > maxPayloadBytes
      ? Result.fail(Skip.PayloadTooLarge({ bytes, maxBytes: maxPayloadBytes }))
      : Result.succeed({ topicId: letter.topicId, idempotencyKey: key, body: json })
  })
}
