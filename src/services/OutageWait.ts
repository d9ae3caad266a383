import { type Clock, Duration, Effect, Schedule } from "effect"
import type { CircuitBreaker } from "effect/persistence"
import { type EventBridgeError, ServiceUnavailable, type TryReason } from "../domain/EventBridgeError.ts"
import type { Answer, Try } from "./Exchange.ts"
import { isRejection, type ServiceBreaker } from "./ServiceBreaker.ts"
import type { ServiceHealth } from "./ServiceHealth.ts"

/** A call waits because the service is down. */
export class Held {
  readonly _tag = "Held"
  readonly retryAfter: Duration.Duration
  readonly last: TryReason | undefined
  constructor(retryAfter: Duration.Duration, last: TryReason | undefined) {
    this.retryAfter = retryAfter
    this.last = last
  }
}

export const held = (error: TryReason | CircuitBreaker.CircuitBreakerError): Held =>
  isRejection(error) ? new Held(openFor(error), undefined) : new Held(Duration.zero, error)

/** A call that waits, since this time of `clock`. */
interface Waiting {
  readonly startedAt: number
}

/** Waiting for a service that is down, for up to `maxWait`. */
export const make = (options: {
  readonly breaker: ServiceBreaker
  /** The clock that `health` uses. */
  readonly clock: Clock.Clock
  readonly exchange: (attempt: Try) => Effect.Effect<Answer, TryReason>
  readonly health: ServiceHealth
  readonly maxWait: Duration.Duration
}) => {
  const { breaker, clock, exchange, health, maxWait } = options

  /** Asks the probe once. A rate limit is an answer, too: whoever gives it is alive. */
  const ask = (probe: Effect.Effect<Try, EventBridgeError>) =>
    Effect.flatMap(probe, (attempt) =>
      Effect.flatMap(clock.currentTimeMillis, (now) => Effect.sleep(health.pauseFor(attempt.operation, now))).pipe(
        Effect.andThen(breaker.execute(() => exchange(attempt)))
      )
    ).pipe(
      Effect.asVoid,
      Effect.catchIf(isAnswer, () => Effect.void),
      Effect.mapError((error) => (error._tag === "EventBridgeError" ? error : held(error)))
    )

  /**
   * Repeats what is held back until it goes through, for up to `maxWait`. Of an outage that is older than the call,
   * only the time since the call began counts: a new call has the patience that earlier ones have used up.
   */
  const untilBack = <A, E extends TryReason | EventBridgeError>(
    attempt: Effect.Effect<A, E | Held>,
    { startedAt }: Waiting
  ) =>
    Effect.suspend(() => {
      let waitedMillis = 0
      const isWorthWaiting = (): boolean => {
        waitedMillis = health.isDownFor(clock.currentTimeMillisUnsafe(), startedAt)
        return waitedMillis < Duration.toMillis(maxWait)
      }
      return attempt.pipe(
        Effect.retry({ schedule: whileDown(isWorthWaiting), while: isHeld }),
        Effect.catchIf(isHeld, ({ last }) =>
          Effect.fail(new ServiceUnavailable({ waitedMillis, ...(last === undefined ? {} : { last }) }))
        )
      )
    })

  /** Waits while the breaker is open. One call asks for all: the others see that the breaker has closed. */
  const awaitClosed = (probe: Effect.Effect<Try, EventBridgeError>, waiting: Waiting) =>
    untilBack(
      Effect.flatMap(breaker.isClosed, (closed) => (closed ? Effect.void : ask(probe))),
      waiting
    )

  return { ask, awaitClosed, untilBack }
}

export const isHeld = (error: { readonly _tag: string }): error is Held => error._tag === "Held"

/** Refused or put off, but answered: whoever does that is alive. */
const isAnswer = (error: TryReason | EventBridgeError | CircuitBreaker.CircuitBreakerError): error is TryReason => {
  if (error._tag === "EventBridgeError" || isRejection(error)) return false
  return error._tag === "RateLimited" ? !error.isServerFailure : !error.isRetryable
}

const openFor = ({ reason }: CircuitBreaker.CircuitBreakerError): Duration.Duration =>
  reason._tag === "CircuitOpen" ? reason.retryAfter : Duration.zero

/**
 * Asks again while the service is down. The jitter keeps the calls that wait from all asking for the one probe at once;
 * the exponential keeps them from asking all the time while that probe runs.
 */
const whileDown = (isWorthWaiting: () => boolean) =>
  Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("500 millis")]).pipe(
    Schedule.jittered,
    Schedule.setInputType<TryReason | EventBridgeError | Held>(),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(isHeld(input) ? Duration.sum(duration, input.retryAfter) : duration)
    ),
    Schedule.while(isWorthWaiting)
  )
