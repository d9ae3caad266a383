import { type Cause, type Clock, Effect, Exit, type Function, Option } from "effect"
import { CircuitBreaker } from "effect/persistence"
import type { TryReason } from "../domain/EventBridgeError.ts"
import type { Answer } from "./Exchange.ts"
import type { ServiceHealth } from "./ServiceHealth.ts"

/** The circuit breaker of the service, as its tries need it. */
export interface ServiceBreaker {
  /** Makes and runs a try unless the circuit is open, and takes its end into account. */
  readonly execute: (
    attempt: Function.LazyArg<Effect.Effect<Answer, TryReason>>
  ) => Effect.Effect<Answer, TryReason | CircuitBreaker.CircuitBreakerError>
  /** Absent when the breaker's store cannot tell. */
  readonly state: Effect.Effect<Option.Option<CircuitBreaker.State>>
  /** False also when the breaker's store cannot tell. */
  readonly isClosed: Effect.Effect<boolean>
}

/**
 * A success after a success tells a breaker nothing, and asking it for each try left `Replay.run` 0.72 of its
 * throughput (64 at once, a service that answers at once, 2 cores, median of 7). So it is not asked while the circuit
 * is closed and no try has failed; from the first failure on, until a success, every try goes through it. Where
 * processes share the breaker's store, a healthy one learns of the others' trouble at its own first failure.
 */
export const make = (
  breaker: CircuitBreaker.CircuitBreaker,
  options: { readonly clock: Clock.Clock; readonly health: ServiceHealth; readonly key: string }
): ServiceBreaker => {
  const { clock, health, key } = options
  let isKnownClosed = false
  let failures = 0

  const state = Effect.option(breaker.state(key))
  const isClosed = Effect.map(
    state,
    Option.exists(({ _tag }) => _tag === "Closed")
  )

  /** What a try says of the service's health, and what the breaker is to make of it. */
  const note = (exit: Exit.Exit<Answer, TryReason>): CircuitBreaker.Outcome => {
    const outcome = outcomeOf(exit)
    health.note(outcome, clock.currentTimeMillisUnsafe())
    if (outcome._tag === "Failure") {
      isKnownClosed = false
      failures++
    }
    return outcome
  }

  const throughBreaker = (self: Effect.Effect<Answer, TryReason>) =>
    Effect.suspend(() => {
      const failuresBefore = failures
      // Noted whatever the breaker does: if its store fails, it runs a try without classifying the result.
      const noted = Effect.onExit(self, (exit) => Effect.sync(() => note(exit)))
      return Effect.tap(breaker.execute(noted, { key, classify: outcomeOf }), () =>
        Effect.map(isClosed, (closed) => {
          // A failure meanwhile may have been counted after this success.
          isKnownClosed = closed && failures === failuresBefore
        })
      )
    })

  /** Tells the breaker the result of a try that did not go through it. Once the circuit is open, that result is stale. */
  const settle = (exit: Exit.Exit<Answer, TryReason>): Effect.Effect<Answer, TryReason> => {
    const outcome = note(exit)
    if (isKnownClosed || outcome._tag === "Ignored") return exit
    const told = breaker.execute(exit, { key, classify: () => outcome })
    return Effect.flatMap(isClosed, (closed) =>
      closed ? Effect.catchTag(told, "CircuitBreakerError", () => exit) : exit
    )
  }

  const settling = {
    onSuccess: (answer: Answer) => settle(Exit.succeed(answer)),
    onFailure: (cause: Cause.Cause<TryReason>) => settle(Exit.failCause(cause))
  }

  const execute = (attempt: Function.LazyArg<Effect.Effect<Answer, TryReason>>) =>
    Effect.suspend(() =>
      isKnownClosed ? Effect.matchCauseEffect(attempt(), settling) : throughBreaker(Effect.suspend(attempt))
    )

  return { execute, state, isClosed }
}

/** The breaker refused the try: it was not made. */
export const isRejection = (error: { readonly _tag: string }): error is CircuitBreaker.CircuitBreakerError =>
  error._tag === "CircuitBreakerError"

/** An answer shows the service alive, whatever it says; a rate limit shows neither. A 5xx is a failure also with a long pause. */
const outcomeOf = (exit: Exit.Exit<Answer, TryReason>): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success
  const reason = Exit.findErrorOption(exit)
  if (Option.isNone(reason)) return CircuitBreaker.ignored
  switch (reason.value._tag) {
    case "NetworkFailure":
    case "RequestTimeout":
      return CircuitBreaker.failure()
    case "ServerTransient":
      return CircuitBreaker.failure({ retryAfter: reason.value.retryAfterMillis })
    case "RateLimited":
      return reason.value.isServerFailure
        ? CircuitBreaker.failure({ retryAfter: reason.value.retryAfterMillis })
        : CircuitBreaker.ignored
    default:
      return CircuitBreaker.success
  }
}
