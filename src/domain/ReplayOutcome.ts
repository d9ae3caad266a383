import { Data } from "effect"
import type { Classification } from "./Classification.ts"
import type { DeadLetter } from "./DeadLetter.ts"
import type { EventBridgeError } from "./EventBridgeError.ts"
import type { ReplayReceipt } from "./ReplayRequest.ts"
import * as Skip from "./Skip.ts"

interface Read {
  /** The event id, or what stands for it when the entry has none. */
  readonly eventId: string
  /** The letter; absent when the queue's entry could not be read. */
  readonly letter: DeadLetter | undefined
  readonly idempotencyKey: string | undefined
}

/** What is known of a letter that was sent, whatever became of it. */
export interface Sent {
  readonly eventId: string
  readonly letter: DeadLetter
  readonly idempotencyKey: string
  /** From the first try to the last answer, in milliseconds. */
  readonly latencyMillis: number
}

/** What became of one letter. Final: each letter that is read has exactly one. */
export type ReplayOutcome = Data.TaggedEnum<{
  /**
   * The service accepted it. `receipt` is absent when its answer could not be read, or when it only answered a repeated
   * key with 409 (`confirmedBy`): an earlier try of this run had arrived.
   */
  Accepted: Sent & {
    readonly receipt: ReplayReceipt | undefined
    readonly confirmedBy: "Receipt" | "UnreadableReceipt" | "EarlierTry" | "EarlierRun"
  }
  /** Somebody replayed it before this run did. */
  Duplicate: Sent
  /** It was not sent. */
  Skipped: Read & { readonly skip: Skip.Skip }
  /** The service refused it for good. */
  Rejected: Sent & { readonly error: EventBridgeError }
  /** The service did not accept it within the tries allowed; a later run can try again. */
  Exhausted: Sent & { readonly error: EventBridgeError }
}>
export const ReplayOutcome = Data.taggedEnum<ReplayOutcome>()

/** What a failure, a duplicate or a skipped letter is classified as; an accepted one has nothing to classify. */
export const classificationOf = (outcome: ReplayOutcome): Classification | Skip.SkipReason | undefined => {
  switch (outcome._tag) {
    case "Accepted":
      return undefined
    case "Duplicate":
      return "DUPLICATE_DETECTED"
    case "Skipped":
      return Skip.reason(outcome.skip)
    case "Rejected":
    case "Exhausted":
      return outcome.error.classification
  }
}
