import {
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  Redacted,
  Result,
  Schedule,
  type Schema,
  Stream
} from "effect"
import { Headers, type HttpClientError, type HttpClientResponse } from "effect/http"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import {
  EventBridgeError,
  MaxRetriesExceeded,
  NetworkFailure,
  ServiceUnavailable,
  type TryReason,
  UnknownFailure
} from "../domain/EventBridgeError.ts"
import * as Failure from "../domain/Failure.ts"
import type { Operation } from "../domain/Operation.ts"
import * as RetryPolicy from "../domain/RetryPolicy.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import { Metrics } from "./Metrics.ts"

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

/** What has happened to a call so far. Mutable, and of one call only. */
export interface Progress {
  /** How often its request was sent. */
  tries: number
  /** A try ended such that the service may have taken the request. */
  ambiguous: boolean
}

/** What a try can end with: a reason of its own, or the service being down. */
export type TryError = TryReason | ServiceUnavailable

/**
 * How requests reach the service: deadline, rate limit, circuit breaker, retries, and failures with their reasons. The
 * one place that retries.
 */
export class Transport extends Context.Service<
  Transport,
  {
    /**
     * Sends once. While the breaker is open it waits for the service to come back; what fails meanwhile is not this
     * call's failure and is sent again, up to `breaker.maxWait`.
     */
    readonly send: (attempt: Try, progress: Progress) => Effect.Effect<Answer, TryError>
    /** Tries until it succeeds, fails for good, or the policy is exhausted. */
    readonly retrying: <A>(
      operation: Operation,
      attempt: (progress: Progress) => Effect.Effect<A, TryError | EventBridgeError>
    ) => Effect.Effect<A, EventBridgeError>
  }
>()("effect-cxone-eventbridge/services/Transport") {
  static readonly make = Effect.gen(function* () {
    const config = yield* EventBridgeConfig
    const metrics = yield* Metrics
    const limiter = yield* RateLimiter.RateLimiter
    const breaker = yield* CircuitBreaker.make({
      tripPolicy: CircuitBreaker.consecutive(config.breaker.failures),
      openDuration: Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("5 seconds")]),
      maxOpenDuration: config.retry.maxRetryAfter
    })
    yield* breaker.transitions.pipe(Stream.runForEach(tellOperator), Effect.forkScoped({ startImmediately: true }))
    const quietSchedule = RetryPolicy.schedule(config.retry)
    // A letter among thousands is retried quietly; a run that waits for its token or its next page says so.
    const toldSchedule = quietSchedule.pipe(
      Schedule.setInputType<TryError | EventBridgeError>(),
      Schedule.tap(({ duration, input }) =>
        Effect.logWarning(`${input.message}; trying again in ${Math.round(Duration.toMillis(duration))} ms`)
      )
    )
    const scheduleOf = (operation: Operation) => (operation === "ReplayEvent" ? quietSchedule : toldSchedule)
    const holdSchedule = whileDown(config.breaker.maxWait)
    const key = config.baseUrl

    const rateLimit =
      config.rateLimit === undefined
        ? Effect.void
        : limiter.consume({ ...config.rateLimit, key, algorithm: "token-bucket", onExceeded: "delay" }).pipe(
            Effect.flatMap(({ delay }) => Effect.sleep(delay)),
            Effect.mapError((error) => new UnknownFailure({ detail: `the rate limiter failed: ${error.message}` }))
          )

    const exchange = Effect.fnUntraced(function* ({ operation, secrets, send, timeout }: Try) {
      const start = yield* Clock.currentTimeMillis
      const count = (status: number | "none") =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => metrics.request(operation, status, now - start))
      const { body, response } = yield* send.pipe(
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
      const failed = {
        status: response.status,
        detail: scrub(Failure.detailOfBody(body), secrets),
        retryAfter: retryAfterOf(response.headers, yield* Clock.currentTimeMillis)
      }
      return yield* Effect.fail(Failure.ofAnswer(operation, failed, config.retry.maxRetryAfter))
    })

    const guarded = (attempt: Try, progress: Progress) =>
      Effect.suspend(() => (progress.tries++ === 0 ? Effect.void : metrics.retry(attempt.operation))).pipe(
        Effect.andThen(exchange(attempt)),
        Effect.tapError((reason) => Effect.sync(() => (progress.ambiguous ||= reason.isAmbiguous))),
        (self) => breaker.execute(self, { key, classify })
      )

    /** A failure seen while the service as a whole is down says nothing about this call. */
    const holdBack = (
      error: TryReason | CircuitBreaker.CircuitBreakerError
    ): Effect.Effect<never, TryReason | Held> => {
      if (isRejection(error)) return Effect.fail(new Held({ retryAfter: openFor(error) }))
      if (!error.isRetryable) return Effect.fail(error)
      return Effect.flatMap(Effect.option(breaker.state(key)), (state) =>
        Effect.fail(
          Option.exists(state, ({ _tag }) => _tag !== "Closed")
            ? new Held({ retryAfter: Duration.zero, last: error })
            : error
        )
      )
    }

    const send = (attempt: Try, progress: Progress): Effect.Effect<Answer, TryError> =>
      Effect.andThen(rateLimit, guarded(attempt, progress)).pipe(
        Effect.catch(holdBack),
        Effect.retry({ schedule: holdSchedule, while: isHeld }),
        Effect.catchIf(isHeld, ({ last }) =>
          Effect.fail(
            new ServiceUnavailable({
              waitedMillis: Duration.toMillis(config.breaker.maxWait),
              ...(last === undefined ? {} : { last })
            })
          )
        )
      )

    const retrying = <A>(
      operation: Operation,
      attempt: (progress: Progress) => Effect.Effect<A, TryError | EventBridgeError>
    ): Effect.Effect<A, EventBridgeError> =>
      Effect.suspend(() => {
        const progress: Progress = { tries: 0, ambiguous: false }
        return attempt(progress).pipe(
          Effect.retry({ schedule: scheduleOf(operation), while: isRetryable }),
          Effect.mapError((error) =>
            error._tag === "EventBridgeError"
              ? error
              : new EventBridgeError({
                  operation,
                  reason: isRetryable(error) ? new MaxRetriesExceeded({ last: error }) : error,
                  ...progress
                })
          )
        )
      })

    return Transport.of({ send, retrying })
  })

  static readonly layer: Layer.Layer<
    Transport,
    never,
    EventBridgeConfig | Metrics | CircuitBreaker.CircuitBreakerStore | RateLimiter.RateLimiter
  > = Layer.effect(Transport, Transport.make)
}

/** A call waits because the service is down. */
class Held {
  readonly _tag = "Held"
  readonly retryAfter: Duration.Duration
  readonly last: TryReason | undefined
  constructor(options: { readonly retryAfter: Duration.Duration; readonly last?: TryReason }) {
    this.retryAfter = options.retryAfter
    this.last = options.last
  }
}

const isHeld = (error: { readonly _tag: string }): error is Held => error._tag === "Held"

const isRejection = (error: { readonly _tag: string }): error is CircuitBreaker.CircuitBreakerError =>
  error._tag === "CircuitBreakerError"

const isRetryable = (error: TryError | EventBridgeError): error is TryReason =>
  error._tag !== "EventBridgeError" && error.isRetryable

const tellOperator = ({ from, to }: CircuitBreaker.Transition) => {
  if (from === "Closed") return Effect.logWarning("the service is down: calls wait until it is back")
  return to === "Closed" ? Effect.logInfo("the service is back") : Effect.void
}

const openFor = ({ reason }: CircuitBreaker.CircuitBreakerError): Duration.Duration =>
  reason._tag === "CircuitOpen" ? reason.retryAfter : Duration.zero

/**
 * Waits while the breaker is open. The jitter keeps the calls that wait from all asking for the one probe at once; the
 * exponential keeps them from asking all the time while that probe runs.
 */
const whileDown = (maxWait: Duration.Duration) =>
  Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("500 millis")]).pipe(
    Schedule.jittered,
    Schedule.setInputType<TryReason | Held>(),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(isHeld(input) ? Duration.sum(duration, input.retryAfter) : duration)
    ),
    Schedule.while(({ elapsed }) => elapsed < Duration.toMillis(maxWait))
  )

/** What the breaker makes of a try: an answer shows the service alive, whatever it says; a rate limit shows neither. */
const classify = (exit: Exit.Exit<Answer, TryReason>): CircuitBreaker.Outcome => {
  const reason = Exit.findErrorOption(exit)
  if (Option.isNone(reason)) return { _tag: Exit.isSuccess(exit) ? "Success" : "Ignored" }
  switch (reason.value._tag) {
    case "NetworkFailure":
    case "RequestTimeout":
      return CircuitBreaker.failure()
    case "ServerTransient":
      return CircuitBreaker.failure({ retryAfter: reason.value.retryAfterMillis })
    case "RateLimited":
      return { _tag: "Ignored" }
    default:
      return { _tag: "Success" }
  }
}

const retryAfterOf = (headers: Headers.Headers, now: number): Option.Option<Duration.Duration> =>
  Headers.get(headers, "retry-after").pipe(
    Option.flatMap((value) => Result.getSuccess(Headers.parseRetryAfter(value))),
    Option.map((value) => Headers.retryAfterDelay(value, now))
  )

const scrub = (detail: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.reduce((text, secret) => text.replaceAll(Redacted.value(secret), "<redacted>"), detail)

/** The innermost message of a failed request: "connect ECONNREFUSED 127.0.0.1:1" rather than "Transport error". */
const rootMessage = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if (error.cause !== undefined) return rootMessage(error.cause)
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  if (first !== undefined) return rootMessage(first)
  return error.message === "" ? error.name : error.message
}

const unanswered = (
  error: HttpClientError.HttpClientError | Schema.SchemaError,
  secrets: ReadonlyArray<Redacted.Redacted>
): TryReason => {
  if (error._tag === "SchemaError") return new UnknownFailure({ detail: `the request is not valid: ${error.message}` })
  const cause = "cause" in error.reason ? error.reason.cause : undefined
  const detail = scrub(cause === undefined ? error.message : rootMessage(cause), secrets)
  switch (error.reason._tag) {
    case "EncodeError":
    case "InvalidUrlError":
      return new UnknownFailure({ detail: `the request could not be made: ${detail}` })
    default:
      return new NetworkFailure({ detail })
  }
}
