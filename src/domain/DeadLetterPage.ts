import { Result, Schema } from "effect"
import { SchemaJITCompiler } from "effect/schema"
import { DeadLetter, type UnreadableLetter } from "./DeadLetter.ts"
import * as PageTokens from "./PageTokens.ts"

/** The answer to a page request. Entries are decoded one by one, so that a bad one does not take its page with it. */
export const DeadLetterPageBody = Schema.Struct({
  events: Schema.Array(Schema.Unknown),
  /** Only its absence ends the list: a page may be short or empty and still carry one. */
  nextPageToken: Schema.optionalKey(Schema.NullOr(Schema.String))
})
export type DeadLetterPageBody = typeof DeadLetterPageBody.Type

/** A page of the dead letter queue. */
export interface DeadLetterPage {
  /** The token that asked for it; absent for the first page. */
  readonly token: string | undefined
  /** The token that asks for the page after it; absent on the last. */
  readonly nextPageToken: string | undefined
  readonly letters: ReadonlyArray<Result.Result<DeadLetter, UnreadableLetter>>
}

// Run for each letter: compiled, it takes a third of the time. Where generating code is forbidden, it is interpreted.
SchemaJITCompiler.enable(DeadLetter.ast)
const decodeLetter = Schema.decodeUnknownResult(DeadLetter)
const decodeEventId = Schema.decodeUnknownResult(Schema.Struct({ eventId: Schema.String }))

const readLetter = (entry: unknown): Result.Result<DeadLetter, UnreadableLetter> =>
  Result.mapError(decodeLetter(entry), (error) => ({
    eventId: Result.getOrUndefined(decodeEventId(entry))?.eventId,
    issue: error.message
  }))

export const fromBody = (token: string | undefined, body: DeadLetterPageBody): DeadLetterPage => ({
  token,
  nextPageToken: PageTokens.next(body.nextPageToken),
  letters: body.events.map(readLetter)
})
