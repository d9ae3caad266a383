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
  /** Removed from whatever the service says in a failure, in case it repeats them. */
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
  /** The clock that `health` uses, and that requests are timed by. */
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
    // A date refers to the wall clock.
    const retryAfter = RetryAfter.ofHeaders(response.headers, clock.currentTimeMillisUnsafe())
    // Capped as for the calls: a probe is waited for by all of them, and one that asks for hours would hold them for hours.
    if (Option.isSome(retryAfter)) {
      const pause = Duration.toMillis(Duration.min(retryAfter.value, maxRetryAfter))
      health.notePause(operation, steadyClock.currentTimeMillisUnsafe() + pause)
    }
    // Before as well as after: cutting the body could leave part of a secret.
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
  /** Why it is not a success, whatever its status. */
  readonly fault?: TryReason
}

/**
 * Reads an answer to its end. A success does not count if it is from elsewhere, as `fetch` follows redirects by itself and
 * a login page accepts no event; or if it is not in UTF-8: other bytes are read as U+FFFD, and an event with them would go
 * out changed without anybody knowing. If there is a U+FFFD, the bytes show whether it was sent.
 */
const receive = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<Received, HttpClientError.HttpClientError> =>
  Effect.flatMap(response.text, (body) => {
    const received: Received = { response, body }
    const { status } = response
    if (!isSuccess(status)) return Effect.succeed(received)
    const elsewhere = redirectedTo(response)
    if (elsewhere !== undefined) {
      const detail = `the request was redirected to ${elsewhere} (${status})`
      return Effect.succeed({ ...received, fault: new UnknownFailure({ detail }) })
    }
    if (!body.includes("\uFFFD")) return Effect.succeed(received)
    return Effect.map(response.arrayBuffer, (bytes) =>
      isUtf8(bytes) ? received : { ...received, fault: new MalformedResponse({ status, detail: "it is not in UTF-8" }) }
    )
  })

/**
 * Where `fetch` has followed a redirect to, without the query, which may hold a secret. The answer's URL alone does not
 * show one: a client that rewrites URLs has answers from elsewhere, too. A redirect that leads back to where the request
 * was sent has reached the service.
 */
export const redirectedTo = (response: HttpClientResponse.HttpClientResponse): string | undefined => {
  const isRedirected = Option.exists(HttpClientResponse.toWeb(response), ({ redirected }) => redirected)
  const answered = isRedirected ? URL.parse(response.url) : null
  if (answered === null) return undefined
  const place = `${answered.origin}${answered.pathname}`
  const isAsked = ({ origin, pathname }: URL): boolean => place === `${origin}${pathname}`
  return Option.exists(HttpClientRequest.toUrl(response.request), isAsked) ? undefined : place
}

const isUtf8 = (bytes: ArrayBuffer): boolean =>
  Result.isSuccess(Result.try(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes)))

/** The answer within the failure of a client that fails because of a status, as one with `filterStatusOk` does. */
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

export const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** An answer that was too long to be read, without its body: still an answer, which asking again would not shorten. */
const tooLong = (
  error: HttpClientError.HttpClientError | Schema.SchemaError
): { readonly detail: string; readonly response: HttpClientResponse.HttpClientResponse } | undefined => {
  if (error._tag !== "HttpClientError" || error.reason._tag !== "DecodeError") return undefined
  const { cause, response } = error.reason
  return cause instanceof AnswerTooLong ? { detail: cause.message, response } : undefined
}

const late = (timeout: Duration.Duration) => new NetworkFailure({ detail: `none within ${Duration.format(timeout)}` })

/** The spellings in which a service may repeat a secret: as it is, as in a form, in a URL, or in JSON. */
const spellings = (secret: string): ReadonlyArray<string> => [
  secret,
  new URLSearchParams([["", secret]]).toString().slice(1),
  encodeURIComponent(secret.toWellFormed()),
  JSON.stringify(secret).slice(1, -1)
]

const hidden = "<redacted>"

/** Stands for what is hidden while there is more to hide: a secret may be part of `hidden`, or of another secret. */
const mark = "\uFDD0"

/** Without a regular expression: one of a long token would be too large, and its failure would show it. */
const scrub = (detail: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  [hidden, ...secrets.flatMap((secret) => spellings(Redacted.value(secret)))]
    .filter((spelling) => spelling !== "")
    .toSorted((one, other) => other.length - one.length)
    .reduce((text, spelling) => text.replaceAll(spelling, mark), detail)
    .replaceAll(mark, hidden)

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
