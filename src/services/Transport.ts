import { Clock, Context, Duration, Effect, Layer, Option, Schedule, Stream } from "effect"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import {
  EventBridgeError,
  MaxRetriesExceeded,
  RateLimiterFailure,
  type Reason,
  type ServiceUnavailable,
  type TryReason
} from "../domain/EventBridgeError.ts"
import type { Operation } from "../domain/Operation.ts"
import * as RetryPolicy from "../domain/RetryPolicy.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import type { Answer, Try } from "./Exchange.ts"
import * as Exchange from "./Exchange.ts"
import * as MemoryLimits from "./MemoryLimits.ts"
import { Metrics } from "./Metrics.ts"
import * as OutageWait from "./OutageWait.ts"
import * as RateLimitWait from "./RateLimitWait.ts"
import * as ServiceBreaker from "./ServiceBreaker.ts"
import { ServiceHealth } from "./ServiceHealth.ts"
import * as SteadyClock from "./SteadyClock.ts"

/** What has happened to a call so far. Mutable, and of one call only. */
export interface Progress {
  /**
   * A read that shows whether the service is alive, asked instead of the call itself while the service seems down: a
   * letter the service always fails on would otherwise pass for an outage.
   */
  readonly probe: Effect.Effect<Try, EventBridgeError> | undefined
  /** How often its request was sent. */
  tries: number
  /** A try ended in such a way that the service may have accepted the request. */
  ambiguous: boolean
  /** Rate limits it has met, and those that all calls had met before it. */
  limits: number
  readonly limitsBefore: number
  /** Milliseconds of the transport's clock, as the two below. */
  readonly startedAt: number
  /** Of the start, then of the failures. */
  previousFailureAt: number
  lastFailureAt: number
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
    /** Sends once. While the breaker is open it waits for the service to come back, up to `breaker.maxWait`. */
    readonly send: (attempt: Try, progress: Progress) => Effect.Effect<Answer, TryError | EventBridgeError>
    /**
     * Tries until it succeeds, fails for good, or the policy is exhausted. With a `probe`, tries that failed because the
     * service as a whole was down do not count: the call waits, up to `breaker.maxWait`, and starts over. So does one that
     * a rate limit puts off, while it puts off others too; with a `probe` also while nobody gets through, and if that does
     * not end, the call fails as rate limited.
     */
    readonly retrying: <A>(
      operation: Operation,
      attempt: (progress: Progress) => Effect.Effect<A, TryError | EventBridgeError>,
      probe?: Progress["probe"]
    ) => Effect.Effect<A, EventBridgeError>
  }
>()("effect-cxone-eventbridge/services/Transport") {
  static readonly make = Effect.gen(function* () {
    const clock = SteadyClock.make(yield* Clock.Clock)
    const config = yield* EventBridgeConfig
    const metrics = yield* Metrics
    const limiter = yield* RateLimiter.RateLimiter
    const key = config.baseUrl
    const health = new ServiceHealth()
    const circuit = yield* CircuitBreaker.make({
      tripPolicy: CircuitBreaker.consecutive(config.breaker.failures),
      openDuration: Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("5 seconds")]),
      maxOpenDuration: config.retry.maxRetryAfter
    })
    yield* metrics.breaker("Closed")
    yield* circuit.transitions.pipe(
      Stream.runForEach((transition) => Effect.andThen(metrics.breaker(transition.to), tellOperator(transition))),
      Effect.forkScoped({ startImmediately: true })
    )
    const breaker = ServiceBreaker.make(circuit, { clock, health, key })
    // A letter among thousands is retried quietly; a run that waits for its token or its next page says so.
    const scheduleFor = (operation: Operation, policy: RetryPolicy.RetryPolicy) =>
      operation === "ReplayEvent"
        ? RetryPolicy.schedule(policy)
        : RetryPolicy.schedule(policy).pipe(
            Schedule.setInputType<TryError | EventBridgeError>(),
            Schedule.while(({ input }) => isRetryable(input)),
            Schedule.tap(({ duration, input }) =>
              Effect.logWarning(
                `${operation}: ${input.message}; trying again in ${Math.round(Duration.toMillis(duration))} ms`
              )
            )
          )
    const exchange = yield* Exchange.make({ steadyClock: clock, health, maxRetryAfter: config.retry.maxRetryAfter })
    const { maxWait } = config.breaker
    const { ask, awaitClosed, untilBack } = OutageWait.make({ breaker, clock, exchange, health, maxWait })
    const limited = RateLimitWait.make({ clock, health, maxWait, retry: config.retry })

    const rateLimit =
      config.rateLimit === undefined
        ? undefined
        : RateLimiter.sleep(limiter, { ...config.rateLimit, key, algorithm: "token-bucket" }).pipe(
            Effect.mapError(({ message }) => new RateLimiterFailure({ detail: message }))
          )

    const noteFailure = (reason: TryReason, progress: Progress): void => {
      progress.ambiguous ||= reason.isAmbiguous
      if (reason._tag === "RateLimited" && !reason.isServerFailure) {
        progress.limits++
        health.limits++
      }
      progress.previousFailureAt = progress.lastFailureAt
      progress.lastFailureAt = clock.currentTimeMillisUnsafe()
    }

    /** Sends once; `orElse` is what a failure, or an open circuit, leads to. */
    const guarded = <E>(
      attempt: Try,
      progress: Progress,
      orElse: (error: TryReason | CircuitBreaker.CircuitBreakerError) => Effect.Effect<Answer, E>
    ): Effect.Effect<Answer, E> => {
      const tried = breaker.execute(() => {
        const resends = progress.tries++
        const sending = exchange(attempt, resends)
        return resends === 0 ? sending : Effect.andThen(metrics.retry(attempt.operation), sending)
      })
      return Effect.catch(rateLimit === undefined ? tried : Effect.andThen(rateLimit, tried), (error) => {
        if (!ServiceBreaker.isRejection(error)) noteFailure(error, progress)
        return orElse(error)
      })
    }

    /** A call without a probe is its own: it is repeated while the breaker is not closed, and failures do not count. */
    const sendProbing = (attempt: Try, progress: Progress) =>
      untilBack(
        guarded(attempt, progress, (error): Effect.Effect<never, TryReason | OutageWait.Held> => {
          if (ServiceBreaker.isRejection(error)) return Effect.fail(OutageWait.held(error))
          if (!error.isRetryable) return Effect.fail(error)
          return Effect.flatMap(breaker.state, (state) =>
            Effect.fail(Option.exists(state, ({ _tag }) => _tag !== "Closed") ? OutageWait.held(error) : error)
          )
        }),
        progress
      )

    const send = (attempt: Try, progress: Progress): Effect.Effect<Answer, TryError | EventBridgeError> => {
      const { probe } = progress
      if (probe === undefined) return sendProbing(attempt, progress)
      return guarded(attempt, progress, (error): Effect.Effect<Answer, TryError | EventBridgeError> =>
        ServiceBreaker.isRejection(error)
          ? Effect.andThen(awaitClosed(probe, progress), send(attempt, progress))
          : Effect.fail(error)
      )
    }

    /** What a call does after its first failure. Set up only then: it costs more than a call that succeeds. */
    const recover = <A>(
      call: Call<A>,
      firstError: TryError | EventBridgeError,
      policy = config.retry
    ): Effect.Effect<A, EventBridgeError> => {
      const { once, operation, progress } = call
      const { probe } = progress
      const failed = (reason: Reason) => {
        const { ambiguous, tries } = progress
        return Effect.fail(new EventBridgeError({ operation, reason, tries, ambiguous }))
      }

      /** The tries ran out. That is the call's own failure if the service answers others, and the probe. */
      const exhausted = (last: TryReason): Effect.Effect<A, EventBridgeError> => {
        if (last._tag === "RateLimited") {
          const next = limited.policyFor(progress)
          if (next !== undefined) return Effect.andThen(limited.tell(progress, last), recover(call, last, next))
          if (limited.concernsAllLetters(progress)) return failed(last)
        }
        const own = failed(new MaxRetriesExceeded({ last }))
        // A rate limit is no sign of an outage, and an answer that others got meanwhile shows there is none.
        const isLimit = last._tag === "RateLimited" || last._tag === "RateLimiterFailure"
        const isOwn = isLimit || health.hasAnsweredSince(progress.previousFailureAt)
        if (probe === undefined || isOwn) return own
        return Effect.matchEffect(ask(probe), {
          onSuccess: () => own,
          onFailure: (error) =>
            OutageWait.isHeld(error)
              ? untilBack(ask(probe), progress).pipe(
                  Effect.catchTag("ServiceUnavailable", failed),
                  Effect.andThen(Effect.catch(once, (next) => recover(call, next)))
                )
              : Effect.fail(error)
        })
      }

      const ended = (error: TryError | EventBridgeError): Effect.Effect<A, EventBridgeError> => {
        if (error._tag === "EventBridgeError") return Effect.fail(error)
        return isRetryable(error) ? exhausted(error) : failed(error)
      }

      return isRetryable(firstError)
        ? failingFirst(firstError, once).pipe(
            Effect.retry({ schedule: scheduleFor(operation, policy), while: isRetryable }),
            Effect.catch(ended)
          )
        : ended(firstError)
    }

    const retrying = <A>(
      operation: Operation,
      attempt: (progress: Progress) => Effect.Effect<A, TryError | EventBridgeError>,
      probe?: Progress["probe"]
    ): Effect.Effect<A, EventBridgeError> =>
      Effect.suspend(() => {
        const startedAt = clock.currentTimeMillisUnsafe()
        const progress: Progress = {
          probe,
          startedAt,
          tries: 0,
          ambiguous: false,
          limits: 0,
          limitsBefore: health.limits,
          previousFailureAt: startedAt,
          lastFailureAt: startedAt
        }
        const call: Call<A> = { operation, once: attempt(progress), progress }
        return Effect.catch(call.once, (error) => recover(call, error))
      })

    return Transport.of({ send, retrying })
  })

  static readonly layer: Layer.Layer<
    Transport,
    never,
    EventBridgeConfig | Metrics | CircuitBreaker.CircuitBreakerStore | RateLimiter.RateLimiter
  > = Layer.effect(Transport, Transport.make)

  /** What breaker and rate limit count, in memory. Processes that share a rate limit provide stores of their own instead. */
  static readonly layerLimitsMemory: Layer.Layer<CircuitBreaker.CircuitBreakerStore | RateLimiter.RateLimiter> =
    MemoryLimits.layer
}

/** A call in flight. */
interface Call<A> {
  readonly operation: Operation
  /** One try of it. */
  readonly once: Effect.Effect<A, TryError | EventBridgeError>
  readonly progress: Progress
}

/** Fails with `error` when it is run for the first time; from then on it is `self`. */
const failingFirst = <A, E>(error: E, self: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  let isFirst = true
  return Effect.suspend(() => {
    if (!isFirst) return self
    isFirst = false
    return Effect.fail(error)
  })
}

const isRetryable = (error: TryError | EventBridgeError): error is TryReason =>
  error._tag !== "EventBridgeError" && error.isRetryable

const tellOperator = ({ from, to }: CircuitBreaker.Transition) => {
  if (from === "Closed") return Effect.logWarning("the service is down: calls wait until it is back")
  return to === "Closed" ? Effect.logInfo("the service is back") : Effect.void
}
