import { Duration, Option, Schema } from "effect"
import {
  DuplicateDetected,
  Forbidden,
  NotFound,
  PayloadTooLarge,
  RateLimited,
  RequestTimeout,
  SchemaViolation,
  ServerTransient,
  type TryReason,
  Unauthorized,
  UnknownFailure
} from "./EventBridgeError.ts"
import { type Operation, scopesOf } from "./Operation.ts"

/** The members of a failure's body that say something: the service's own, RFC 9457's and RFC 6749's. */
const decodeBody = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Struct({
      message: Schema.optionalKey(Schema.Unknown),
      detail: Schema.optionalKey(Schema.Unknown),
      error_description: Schema.optionalKey(Schema.Unknown),
      title: Schema.optionalKey(Schema.Unknown),
      error: Schema.optionalKey(Schema.Unknown)
    })
  )
)

const maxDetail = 200

/** What the service sent, where all of it would be too much. */
export const shorten = (text: string): string => (text.length > maxDetail ? `${text.slice(0, maxDetail)}…` : text)

/** On one line, without what a terminal would take for a command. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim()

/** What the service sent, as part of a message: on one line, and not all of it. */
export const quoted = (text: string): string => shorten(oneLine(text))

/**
 * What a failure's body says, on one line: it may be JSON, an HTML page or anything at all. Control characters go, so
 * that a body cannot write to the terminal it is shown on.
 */
export const detailOfBody = (body: string): string => {
  const said = Option.flatMap(decodeBody(body), ({ detail, error, error_description, message, title }) =>
    Option.fromNullishOr([message, detail, error_description, title, error].find((value) => typeof value === "string"))
  )
  const text = Option.getOrElse(said, () => {
    // No part of it matches past a "<": otherwise each "<title" of a long page would be searched to its end.
    const title = /<title[^<>]*>([^<]*)<\/title>/i.exec(body)?.[1]
    return title ?? body.slice(0, 4 * maxDetail).replace(/<[^>]*>/g, " ")
  })
  const line = oneLine(String(text))
  return line === "" ? "no details were given" : shorten(line)
}

/** The answer to a try that did not succeed. */
export interface FailedAnswer {
  readonly status: number
  readonly detail: string
  readonly retryAfter: Option.Option<Duration.Duration>
}

/** What a status means for a call. The table is the contract's; each branch is a row. */
export const ofAnswer = (
  operation: Operation,
  { detail, retryAfter, status }: FailedAnswer,
  maxRetryAfter: Duration.Duration
): TryReason => {
  const pause = Option.match(retryAfter, {
    onNone: () => ({}),
    // A pause of hundreds of digits is beyond what counts as a number of milliseconds.
    onSome: (duration) => ({ retryAfterMillis: Math.min(Duration.toMillis(duration), Number.MAX_SAFE_INTEGER) })
  })
  const isTooLong = Option.exists(retryAfter, Duration.isGreaterThan(maxRetryAfter))
  if (status === 429 || (status >= 500 && isTooLong)) {
    const other = status === 429 ? {} : { status }
    return new RateLimited({ detail, ...other, ...pause, maxRetryAfterMillis: Duration.toMillis(maxRetryAfter) })
  }
  // The token route refuses wrong credentials with 400 as well as with 401 (RFC 6749, 5.2).
  if (status === 401 || (status === 400 && operation === "Token")) return new Unauthorized({ detail })
  if (status === 400 || status === 422) return new SchemaViolation({ status, detail })
  if (status === 403) return new Forbidden({ detail, scopes: scopesOf[operation] })
  if (status === 404) return new NotFound({ detail })
  if (status === 408 || status === 425) return new RequestTimeout({ status, detail })
  if (status === 409) return new DuplicateDetected({ detail })
  if (status === 413) return new PayloadTooLarge({ detail })
  if (status >= 500 && status <= 599) return new ServerTransient({ status, detail, ...pause })
  return new UnknownFailure({ detail: `status ${status}: ${detail}` })
}

/**
 * The innermost message of a failed request, on one line: "connect ECONNREFUSED 127.0.0.1:1" rather than "Transport
 * error". OpenSSL's messages end with a line break, and the peer chooses the names in a certificate.
 */
export const rootMessage = (error: unknown): string => {
  if (!(error instanceof Error)) return oneLine(String(error))
  if (error.cause !== undefined) return rootMessage(error.cause)
  // OpenSSL's own message has addresses and lines of its source around what it says.
  if ("reason" in error && typeof error.reason === "string" && "library" in error)
    return oneLine(`TLS: ${error.reason}`)
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  if (first !== undefined) return rootMessage(first)
  return oneLine(error.message === "" ? error.name : error.message)
}
