import { Data } from "effect"

/** An answer is longer than what is read of one, and was cut off there. */
export class AnswerTooLong extends Data.TaggedError("AnswerTooLong")<{ readonly maxBytes: number }> {
  override get message(): string {
    return `the answer is longer than ${this.maxBytes} bytes`
  }
}
