import { Schema } from "effect"
import { PathSegment } from "./PathSegment.ts"

/**
 * An event that the service could not deliver, as the dead letter queue lists it. Members beyond the contract are kept.
 */
export const DeadLetter = Schema.StructWithRest(
  Schema.Struct({
    eventId: Schema.NonEmptyString,
    topicId: PathSegment,
    /**
     * The event itself: whatever JSON it was, with numbers beyond a double as `JSON.rawJSON` values. Absent or `null`
     * when the queue has lost it.
     */
    payload: Schema.optionalKey(Schema.Unknown),
    failureReason: Schema.optionalKey(Schema.NullOr(Schema.String)),
    /** How often the service has retried it; absent means 0. */
    retryCount: Schema.optionalKey(Schema.NullOr(Schema.Natural)),
    /** ISO 8601, passed through as it is. */
    firstFailureTimestamp: Schema.optionalKey(Schema.NullOr(Schema.String)),
    lastFailureTimestamp: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)
export type DeadLetter = typeof DeadLetter.Type

/** An entry of the queue that is not a dead letter as the contract defines it. It is reported, not replayed. */
export interface UnreadableLetter {
  /** The entry's event id, when it has one. */
  readonly eventId: string | undefined
  /** Which member is wrong and how. */
  readonly issue: string
}
