import { Data, Schema } from "effect"

/** Why a letter that was read is not sent. The names stand in reports and audit records. */
export const SkipReason = Schema.Literals([
  "NOT_SELECTED",
  "UNREADABLE_LETTER",
  "PAYLOAD_MISSING",
  "PAYLOAD_TOO_LARGE",
  "MAX_ATTEMPTS_REACHED",
  "HELD_BACK"
])
export type SkipReason = typeof SkipReason.Type

/** A letter that is not sent, with what a person needs to see why. */
export type Skip = Data.TaggedEnum<{
  /** The selection of the run leaves it out. */
  NotSelected: {}
  /** The queue's entry is not a dead letter as the contract defines it. */
  UnreadableLetter: { readonly issue: string }
  /** There is nothing to deliver. */
  PayloadMissing: {}
  PayloadTooLarge: { readonly bytes: number; readonly maxBytes: number }
  /** The service has retried it as often as is allowed. */
  MaxAttemptsReached: { readonly attempt: number; readonly maxAttempts: number }
  /** An earlier letter of its key (`orderBy`) failed. A later run can replay both, in order. */
  HeldBack: { readonly key: string }
}>
export const Skip = Data.taggedEnum<Skip>()

const integer = new Intl.NumberFormat("en")

const reasons: { readonly [Tag in Skip["_tag"]]: SkipReason } = {
  NotSelected: "NOT_SELECTED",
  UnreadableLetter: "UNREADABLE_LETTER",
  PayloadMissing: "PAYLOAD_MISSING",
  PayloadTooLarge: "PAYLOAD_TOO_LARGE",
  MaxAttemptsReached: "MAX_ATTEMPTS_REACHED",
  HeldBack: "HELD_BACK"
}

/** As it stands in reports and audit records. */
export const reason = (skip: Skip): SkipReason => reasons[skip._tag]

/** In words, as in the audit. */
export const describe: (skip: Skip) => string = Skip.$match({
  NotSelected: () => "not selected by this run",
  UnreadableLetter: ({ issue }) => `not a dead letter: ${issue}`,
  PayloadMissing: () => "the queue holds no payload for it",
  PayloadTooLarge: ({ bytes, maxBytes }) =>
    `its payload is ${integer.format(bytes)} bytes, the service accepts ${integer.format(maxBytes)}`,
  MaxAttemptsReached: ({ attempt, maxAttempts }) => `attempt ${attempt} of at most ${maxAttempts}`,
  HeldBack: ({ key }) => `held back: an earlier letter of the key "${key}" failed`
})
