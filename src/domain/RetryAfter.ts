import { type Duration, Option, Result } from "effect"
import { Headers } from "effect/http"

/** The pause an answer asks for: `Retry-After` in seconds, or as a date. */
export const ofHeaders = (headers: Headers.Headers, now: number): Option.Option<Duration.Duration> =>
  Headers.get(headers, "retry-after").pipe(
    Option.flatMap((value) => Result.getSuccess(Headers.parseRetryAfter(value))),
    Option.map((value) => Headers.retryAfterDelay(value, now))
  )
