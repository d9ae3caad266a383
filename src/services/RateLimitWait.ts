import { type Clock, Duration, Effect } from "effect"
import type { RateLimited } from "../domain/EventBridgeError.ts"
import type { RetryPolicy } from "../domain/RetryPolicy.ts"
import type { ServiceHealth } from "./ServiceHealth.ts"

/** A call that a rate limit has put off, as `Progress` of the transport. Milliseconds of `clock`. */
interface PutOff {
  /** Present for letters: a call of another kind would hold up its caller. */
  readonly probe: unknown
  readonly limits: number
  readonly limitsBefore: number
  readonly startedAt: number
  readonly previousFailureAt: number
}

/** Waiting for a turn under a rate limit of the service, for up to `maxWait`. */
export const make = (options: {
  /** The clock that `health` uses. */
  readonly clock: Clock.Clock
  readonly health: ServiceHealth
  readonly retry: RetryPolicy
  readonly maxWait: Duration.Duration
}) => {
  const { clock, health, maxWait, retry } = options
  // A service may count what it puts off, too: asked more often, it would never let anybody through.
  const seldom: RetryPolicy = { ...retry, baseDelay: retry.maxDelay }
  // Without a pause between tries there is nothing to start over with.
  const isPatient = retry.maxRetries > 0
  let toldAt: number | undefined

  /** Nobody has got through since the call was put off before. */
  const letsNobodyThrough = ({ previousFailureAt }: PutOff): boolean => !health.hasAnsweredSince(previousFailureAt)

  /** Every other letter would meet this limit, too. */
  const concernsAllLetters = (call: PutOff): boolean => isPatient && call.probe !== undefined && letsNobodyThrough(call)

  /** How a call starts over whose tries have run out; absent when the limit is its own, or it has waited long enough. */
  const policyFor = (call: PutOff): RetryPolicy | undefined => {
    const isOfOthers = isPatient && health.limits > call.limitsBefore + call.limits
    const isWorthWaiting = clock.currentTimeMillisUnsafe() - call.startedAt < Duration.toMillis(maxWait)
    if (!isWorthWaiting || !(isOfOthers || concernsAllLetters(call))) return undefined
    return letsNobodyThrough(call) ? seldom : retry
  }

  /** Tells that letters wait: once for all of them, until somebody gets through. */
  const tell = (call: PutOff, { message }: RateLimited) =>
    Effect.suspend(() => {
      const isTold = toldAt !== undefined && !health.hasAnsweredSince(toldAt)
      if (isTold || !concernsAllLetters(call)) return Effect.void
      toldAt = clock.currentTimeMillisUnsafe()
      return Effect.logWarning(
        `${message}; nothing gets through, letters wait and are tried every ${Duration.format(retry.maxDelay)}`
      )
    })

  return { policyFor, concernsAllLetters, tell }
}
