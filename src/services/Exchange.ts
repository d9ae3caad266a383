import { Clock, Duration, Effect, Option, Redacted, Result, type Schema } from "effect"
import { type HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { AnswerTooLong } from "../domain/AnswerTooLong.ts"
import { MalformedResponse, NetworkFailure, type TryReason, UnknownFailure } from "../domain/EventBridgeError.ts"
import * as Failure from "../domain/Failure.ts"
import type { Operation } from "../domain/Operation.ts"
import * as RetryAfter from "../domain/RetryAfter.ts"
import * as Deadlines from "./Deadlines.ts"
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
  /** The one that `health` goes by, and that requests are timed by. */
  readonly steadyClock: Clock.Clock
  readonly health: ServiceHealth
  readonly maxRetryAfter: Duration.Duration
}) {
  const { health, maxRetryAfter, steadyClock } = options
  const clock = yield* Clock.Clock
  const deadlines = yield* Deadlines.make
  const metrics = yield* Metrics

  const failed = (
    { operation, secrets }: Try,
    { body, response }: { readonly body: string; readonly response: HttpClientResponse.HttpClientResponse }
  ) => {
    // A date is one of the clock that people set.
    const retryAfter = RetryAfter.ofHeaders(response.headers, clock.currentTimeMillisUnsafe())
    // Capped as for the calls: a probe is waited for by all of them, and one that asks for hours would hold them for hours.
    if (Option.isSome(retryAfter)) {
      const pause = Duration.toMillis(Duration.min(retryAfter.value, maxRetryAfter))
      health.notePause(operation, steadyClock.currentTimeMillisUnsafe() + pause)
    }
    // Before as well as after: where the body is cut, part of a secret would be left.
    const detail = scrub(Failure.detailOfBody(scrub(body, secrets)), secrets)
    return Failure.ofAnswer(operation, { status: response.status, detail, retryAfter }, maxRetryAfter)
  }

  return (attempt: Try, resends = 0): Effect.Effect<Answer, TryReason> =>
    Effect.withFiber((fiber) => {
      const { operation, secrets, send, timeout } = attempt
      const startedAt = steadyClock.currentTimeMillisUnsafe()
      const counted = (status: number | "none") =>
        metrics.request(operation, status, steadyClock.currentTimeMillisUnsafe() - startedAt)
      const received = Effect.matchEffect(Tracing.request(fiber, send, { operation, resends }), receiving)
      return Effect.matchEffect(deadlines.within(fiber, received, timeout, late), {
        onSuccess: (answer) => {
          const { body, fault, response } = answer
          const { status } = response
          return isSuccess(status) && fault === undefined
            ? Effect.as(counted(status), { status, body })
            : Effect.andThen(counted(status), Effect.fail(fault ?? failed(attempt, answer)))
        },
        onFailure: (error) => {
          const fail = (status: number | "none", reason: TryReason) =>
            Effect.andThen(counted(status), Effect.fail(reason))
          if (error._tag === "NetworkFailure") return fail("none", error)
          const unread = tooLong(error)
          if (unread === undefined) return fail("none", unanswered(error, secrets))
          const { detail, response } = unread
          const { status } = response
          return fail(
            status,
            isSuccess(status) ? new MalformedResponse({ status, detail }) : failed(attempt, { body: detail, response })
          )
        }
      })
    })
})

interface Received {
  readonly response: HttpClientResponse.HttpClientResponse
  readonly body: string
  /** Why it is no success, whatever its status. */
  readonly fault?: TryReason
}

/**
 * A success that is none: from elsewhere, as `fetch` follows redirects by itself and a login page takes no event; or in bytes
 * that are no UTF-8, which come as U+FFFD: an event with them would go out changed, and nobody would know. Where there is a
 * U+FFFD, the bytes tell whether it was sent.
 */
const faultOf = ({
  body,
  response
}: Received): Effect.Effect<TryReason | undefined, HttpClientError.HttpClientError> => {
  const { status } = response
  const elsewhere = redirectedTo(response)
  if (elsewhere !== undefined) {
    return Effect.succeed(new UnknownFailure({ detail: `the request was redirected to ${elsewhere} (${status})` }))
  }
  if (!body.includes("\uFFFD")) return Effect.undefined
  return Effect.map(response.arrayBuffer, (bytes) =>
    isUtf8(bytes) ? undefined : new MalformedResponse({ status, detail: "it is not in UTF-8" })
  )
}

const receive = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<Received, HttpClientError.HttpClientError> =>
  Effect.flatMap(response.text, (body) => {
    const received: Received = { response, body }
    return isSuccess(response.status)
      ? Effect.map(faultOf(received), (fault) => (fault === undefined ? received : { ...received, fault }))
      : Effect.succeed(received)
  })

/**
 * Where `fetch` has followed a redirect to, without the query, which may be anybody's secret. Its word counts, not the answer's
 * URL alone: a client that rewrites URLs has answers from elsewhere, too. Back where it began it has come to the service.
 */
const redirectedTo = (response: HttpClientResponse.HttpClientResponse): string | undefined => {
  const isRedirected = Option.exists(HttpClientResponse.toWeb(response), ({ redirected }) => redirected)
  const answered = isRedirected ? URL.parse(response.url) : null
  if (answered === null) return undefined
  const place = `${answered.origin}${answered.pathname}`
  const isAsked = ({ origin, pathname }: URL): boolean => place === `${origin}${pathname}`
  return Option.exists(HttpClientRequest.toUrl(response.request), isAsked) ? undefined : place
}

const isUtf8 = (bytes: ArrayBuffer): boolean =>
  Result.isSuccess(Result.try(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes)))

/** The answer within the failure of a client that fails for a status, as the application's does after `filterStatusOk`. */
export const answerWithin = <E extends HttpClientError.HttpClientError | Schema.SchemaError>(
  error: E
): Effect.Effect<HttpClientResponse.HttpClientResponse, E> =>
  error._tag === "HttpClientError" && error.reason._tag === "StatusCodeError"
    ? Effect.succeed(error.reason.response)
    : Effect.fail(error)

const receiving = {
  onSuccess: receive,
  onFailure: (error: HttpClientError.HttpClientError | Schema.SchemaError) =>
    Effect.flatMap(answerWithin(error), receive)
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** An answer that was too long to be read, without its body: an answer all the same, and no longer one for being asked again. */
export const tooLong = (
  error: HttpClientError.HttpClientError | Schema.SchemaError
): { readonly detail: string; readonly response: HttpClientResponse.HttpClientResponse } | undefined => {
  if (error._tag !== "HttpClientError" || error.reason._tag !== "DecodeError") return undefined
  const { cause, response } = error.reason
  return cause instanceof AnswerTooLong ? { detail: cause.message, response } : undefined
}

const late = (timeout: Duration.Duration) => new NetworkFailure({ detail: `none within ${Duration.format(timeout)}` })

/** What a service that repeats what it was sent may say: the secret as it is, as in a form, in a URL, or in JSON. */
const spellings = (secret: string): ReadonlyArray<string> => [
  secret,
  new URLSearchParams([["", secret]]).toString().slice(1),
  encodeURIComponent(secret.toWellFormed()),
  JSON.stringify(secret).slice(1, -1)
]

const scrub = (detail: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets
    .flatMap((secret) => spellings(Redacted.value(secret)))
    .reduce((text, spelling) => text.replaceAll(spelling, "<redacted>"), detail)

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
