import { Clock, Duration, Effect, Option, Redacted, Result, type Schema } from "effect"
import { Headers, type HttpClientError, type HttpClientResponse } from "effect/http"
import { NetworkFailure, type TryReason, UnknownFailure } from "../domain/EventBridgeError.ts"
import * as Failure from "../domain/Failure.ts"
import type { Operation } from "../domain/Operation.ts"
import { Metrics } from "./Metrics.ts"
import type { ServiceHealth } from "./ServiceHealth.ts"
import * as Tracing from "./Tracing.ts"

/** A success: its status and its body, read to the end so that the connection can serve the next call. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** One try of a call, as the transport needs to know it. */
export interface Try {
  readonly operation: Operation
  readonly timeout: Duration.Duration
  /** Taken out of whatever the service says in a failure, should it repeat them. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  readonly send: Effect.Effect<
    HttpClientResponse.HttpClientResponse,
    HttpClientError.HttpClientError | Schema.SchemaError
  >
}

/**
 * Sends one request and reads its answer, within its deadline; a failure comes with its reason. `resends` is how often
 * the same request was sent before.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly health: ServiceHealth
  readonly maxRetryAfter: Duration.Duration
}) {
  const { health, maxRetryAfter } = options
  const metrics = yield* Metrics

  return Effect.fnUntraced(function* ({ operation, secrets, send, timeout }: Try, resends = 0) {
    const start = yield* Clock.currentTimeMillis
    const count = (status: number | "none") =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => metrics.request(operation, status, now - start))
    const { body, response } = yield* send.pipe(
      Tracing.request(operation, resends),
      Effect.flatMap((received) => Effect.map(received.text, (text) => ({ response: received, body: text }))),
      Effect.mapError((error) => unanswered(error, secrets)),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => Effect.fail(new NetworkFailure({ detail: `none within ${Duration.format(timeout)}` }))
      }),
      Effect.tapError(() => count("none"))
    )
    yield* count(response.status)
    if (response.status >= 200 && response.status < 300) return { status: response.status, body }
    const now = yield* Clock.currentTimeMillis
    const retryAfter = retryAfterOf(response.headers, now)
    if (Option.isSome(retryAfter)) health.notePause(operation, now + Duration.toMillis(retryAfter.value))
    const failed = {
      status: response.status,
      // Before as well as after: where the body is cut, part of a secret would be left.
      detail: scrub(Failure.detailOfBody(scrub(body, secrets)), secrets),
      retryAfter
    }
    return yield* Effect.fail(Failure.ofAnswer(operation, failed, maxRetryAfter))
  })
})

/** The pause an answer asks for. */
export const retryAfterOf = (headers: Headers.Headers, now: number): Option.Option<Duration.Duration> =>
  Headers.get(headers, "retry-after").pipe(
    Option.flatMap((value) => Result.getSuccess(Headers.parseRetryAfter(value))),
    Option.map((value) => Headers.retryAfterDelay(value, now))
  )

const scrub = (detail: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.reduce((text, secret) => text.replaceAll(Redacted.value(secret), "<redacted>"), detail)

const unanswered = (
  error: HttpClientError.HttpClientError | Schema.SchemaError,
  secrets: ReadonlyArray<Redacted.Redacted>
): TryReason => {
  if (error._tag === "SchemaError") return new UnknownFailure({ detail: `the request is not valid: ${error.message}` })
  const cause = "cause" in error.reason ? error.reason.cause : undefined
  const detail = scrub(cause === undefined ? error.message : Failure.rootMessage(cause), secrets)
  switch (error.reason._tag) {
    case "EncodeError":
    case "InvalidUrlError":
      return new UnknownFailure({ detail: `the request could not be made: ${detail}` })
    default:
      return new NetworkFailure({ detail })
  }
}
