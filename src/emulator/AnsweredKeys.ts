import { Result } from "effect"
import type { HttpServerResponse } from "effect/http"
import * as Answers from "./Answers.ts"

type Response = HttpServerResponse.HttpServerResponse

interface Remembered {
  readonly body: string
  readonly answer: Response
  /** Epoch milliseconds. */
  readonly until: number
}

/**
 * The idempotency keys of creates and updates, all in one space, each with the bytes that came under it and the answer they
 * were given. Refused writes are not remembered.
 */
export class AnsweredKeys {
  private readonly retentionMillis: number
  private readonly keys = new Map<string, Remembered>()

  constructor(retentionMillis: number) {
    this.retentionMillis = retentionMillis
  }

  /** Writes unless the key is remembered. `write` succeeds with the answer to what it applied, fails with a refusal. */
  answer(key: string, body: string, now: number, write: () => Result.Result<Response, Response>): Response {
    const known = this.keys.get(key)
    if (known !== undefined && now < known.until) {
      // The answer given then, whichever subscription it was about and whatever has become of it.
      return known.body === body
        ? known.answer
        : Answers.failure(422, `the idempotency key ${key} was used before, with another body`)
    }
    const written = write()
    if (Result.isSuccess(written)) {
      this.keys.set(key, { body, answer: written.success, until: now + this.retentionMillis })
    }
    return Result.merge(written)
  }
}
