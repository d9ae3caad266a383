import { Clock, Duration, Effect, type Redacted } from "effect"
import { Digest } from "effect/crypto"
import { HttpClient, type HttpClientError, HttpClientRequest } from "effect/http"
import { rootMessage } from "../domain/Failure.ts"
import * as RetryAfter from "../domain/RetryAfter.ts"
import { ofAnswer, WebhookFailure } from "../domain/WebhookFailure.ts"
import { answerWithin, isSuccess, redirectedTo } from "./Exchange.ts"
import * as Tracing from "./Tracing.ts"
import * as WebhookSignature from "./WebhookSignature.ts"

/** A message to a webhook. */
export interface Message {
  /** What identifies the message. Its id is derived from this, so that a receiver can tell a repeat. */
  readonly identity: ReadonlyArray<string | null>
  readonly body: unknown
}

/**
 * Posts to a webhook, signed if there is a secret. A message becomes an effect that tries once to deliver it: every try
 * has the same id and the same bytes, but its own time and signature. Any 2xx is success, except from wherever the
 * client has followed a redirect to.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly url: string
  readonly secret: Redacted.Redacted | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** How long one try may take. */
  readonly timeout: Duration.Duration
  readonly maxRetryAfter: Duration.Duration
}) {
  const { headers = {}, maxRetryAfter, secret, timeout, url } = options
  const httpClient = Tracing.untraced(yield* HttpClient.HttpClient)
  const digest = yield* Digest.Digest
  const sign = secret === undefined ? undefined : yield* WebhookSignature.make(secret)

  const send = (request: HttpClientRequest.HttpClientRequest) =>
    httpClient.execute(request).pipe(
      Effect.catch(answerWithin),
      // Read to the end, so that the connection can serve the next.
      Effect.tap(({ text }) => text),
      // Only the status of an answer matters, even if it breaks off or is too long to be read.
      Effect.catch((error) =>
        error.response === undefined ? Effect.fail(unanswered(error)) : Effect.succeed(error.response)
      ),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () =>
          Effect.fail(new WebhookFailure({ detail: `no answer within ${Duration.format(timeout)}`, isRetryable: true }))
      })
    )

  return Effect.fnUntraced(function* ({ body, identity }: Message) {
    const text = JSON.stringify(body)
    const request = HttpClientRequest.post(url, { headers }).pipe(HttpClientRequest.bodyText(text, "application/json"))
    const id =
      sign === undefined
        ? ""
        : yield* digest.digestHex(Digest.sha256, new TextEncoder().encode(JSON.stringify(identity)))
    return Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const signature = sign === undefined ? {} : yield* sign({ id, timestamp: Math.floor(now / 1000), body: text })
      const response = yield* send(HttpClientRequest.setHeaders(request, signature))
      if (isSuccess(response.status)) {
        if (redirectedTo(response) === undefined) return
        // As the 3xx is that a client which follows none shows. Where to is not told: it may repeat what the URL carries.
        return yield* new WebhookFailure({ detail: "the request was redirected", isRetryable: false })
      }
      const retryAfter = RetryAfter.ofHeaders(response.headers, yield* Clock.currentTimeMillis)
      return yield* ofAnswer(response.status, retryAfter, maxRetryAfter)
    })
  })
})

/** A failure's own message would show the URL, and with it whatever it carries. */
const unanswered = ({ reason }: HttpClientError.HttpClientError): WebhookFailure =>
  new WebhookFailure({
    detail:
      "cause" in reason && reason.cause !== undefined ? rootMessage(reason.cause) : (reason.description ?? reason._tag),
    isRetryable: reason._tag !== "EncodeError" && reason._tag !== "InvalidUrlError"
  })
