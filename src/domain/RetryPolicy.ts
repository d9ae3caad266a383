import { Duration, Effect, Predicate, Schedule } from "effect"

/** When a call that failed is tried again. */
export interface RetryPolicy {
  /** The first pause; each further one is twice as long. Default 200 ms. */
  readonly baseDelay: Duration.Duration
  /** The longest pause of our own choosing, before jitter. Default 10 s. */
  readonly maxDelay: Duration.Duration
  /** Tries after the first. Default 6: some 13 s of pauses. */
  readonly maxRetries: number
  /** The longest `Retry-After` that is waited for; one that asks for more ends the call. Default 2 min. */
  readonly maxRetryAfter: Duration.Duration
}

export const defaultRetryPolicy: RetryPolicy = {
  baseDelay: Duration.millis(200),
  maxDelay: Duration.seconds(10),
  maxRetries: 6,
  maxRetryAfter: Duration.minutes(2)
}

const retryAfterOf = (failure: unknown): Duration.Duration =>
  Predicate.hasProperty(failure, "retryAfterMillis") && Predicate.isNumber(failure.retryAfterMillis)
    ? Duration.millis(failure.retryAfterMillis)
    : Duration.zero

/**
 * The one schedule of the library: exponential, capped, jittered by ±20 %, a limited number of times, and never before
 * the `retryAfterMillis` of the failure, whatever the jitter says.
 */
export const schedule = (policy: RetryPolicy) =>
  Schedule.min([Schedule.exponential(policy.baseDelay), Schedule.spaced(policy.maxDelay)]).pipe(
    Schedule.upTo({ times: policy.maxRetries }),
    Schedule.jittered,
    Schedule.modifyDelay(({ duration, input }) => Effect.succeed(Duration.max(duration, retryAfterOf(input))))
  )

/** For `Effect.retry`, of failures that know whether another try may help. */
export const whileRetryable = (policy: RetryPolicy) => ({
  schedule: schedule(policy),
  while: ({ isRetryable }: { readonly isRetryable: boolean }) => isRetryable
})
