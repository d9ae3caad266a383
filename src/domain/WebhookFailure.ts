import { Data, Duration, Option } from "effect"

/** A try of a webhook that did not succeed. */
export class WebhookFailure extends Data.TaggedError("WebhookFailure")<{
  /** What happened, for a message: never the webhook's URL, which may carry a secret. */
  readonly detail: string
  readonly isRetryable: boolean
  /** The pause the webhook asked for. */
  readonly retryAfterMillis?: number
}> {}

const isTransient = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || (status >= 500 && status <= 599)

/** What a status other than 2xx means: to retry, unless it is final or asks for a longer pause than is allowed. */
export const ofAnswer = (
  status: number,
  retryAfter: Option.Option<Duration.Duration>,
  maxRetryAfter: Duration.Duration
): WebhookFailure => {
  const detail = `it answered ${status}`
  if (!isTransient(status)) return new WebhookFailure({ detail, isRetryable: false })
  if (Option.isNone(retryAfter)) return new WebhookFailure({ detail, isRetryable: true })
  const retryAfterMillis = Math.min(Duration.toMillis(retryAfter.value), Number.MAX_SAFE_INTEGER)
  return Duration.isGreaterThan(retryAfter.value, maxRetryAfter)
    ? new WebhookFailure({
        detail: `${detail} and asks for a pause of ${Duration.format(Duration.millis(retryAfterMillis))}`,
        isRetryable: false,
        retryAfterMillis
      })
    : new WebhookFailure({ detail, isRetryable: true, retryAfterMillis })
}
