import { DateTime, Duration, Effect, Option, Stream } from "effect"
import { Headers, HttpServerResponse } from "effect/http"
import * as RetryAfter from "../domain/RetryAfter.ts"
import * as Answers from "./Answers.ts"
import { ConnectionReset } from "./ConnectionReset.ts"
import type { EmulatorState } from "./EmulatorState.ts"
import type { Fault, FaultedRequest } from "./Fault.ts"

type Response = HttpServerResponse.HttpServerResponse

const bytesOf = ({ body }: Response): Uint8Array => (body._tag === "Uint8Array" ? body.body : new Uint8Array(0))

/** The same answer, of which only the first half arrives before the connection dies. */
const truncate = (response: Response): Effect.Effect<Response, ConnectionReset> => {
  const bytes = bytesOf(response)
  if (bytes.length === 0) return Effect.fail(new ConnectionReset())
  const half = bytes.subarray(0, bytes.length >> 1)
  // A server hands the first half to its socket at the end of a turn; dying sooner would take the status with it.
  const death = Effect.andThen(Effect.andThen(Effect.yieldNow, Effect.yieldNow), Effect.fail(new ConnectionReset()))
  const body = Stream.concat(Stream.succeed(half), Stream.fromEffect(death))
  return Effect.succeed(
    HttpServerResponse.stream(body, {
      status: response.status,
      contentType: "application/json",
      contentLength: bytes.length
    })
  )
}

const cut = (response: Response): Response => {
  const text = new TextDecoder().decode(bytesOf(response))
  return HttpServerResponse.text(text.slice(0, text.length >> 1), { contentType: "application/json" })
}

/** The end of the year 9999, the last that an HTTP date can express. */
const lastSecond = 253_402_300_799

const serverErrorTitles = {
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout"
} as const

/**
 * What a request is answered under a fault. `routes` serves it as if nothing had happened and is run by those faults
 * that strike after it was served.
 */
export const make = <E, R>(
  state: EmulatorState,
  fault: Fault,
  request: FaultedRequest,
  now: number,
  routes: Effect.Effect<Response, E, R>
): Effect.Effect<Response, E | ConnectionReset, R> => {
  switch (fault._tag) {
    case "TooManyRequests": {
      // An endless pause is sent as the longest that clients can read.
      const seconds = Math.min(
        Math.ceil(Duration.toMillis(fault.retryAfter) / 1000),
        lastSecond - Math.ceil(now / 1000)
      )
      // A date has no fractions of a second. Rounded up, nobody who waits for it comes early.
      const deadline = fault.form === "seconds" ? now + seconds * 1000 : Math.ceil(now / 1000 + seconds) * 1000
      state.log.askedToWait(request, deadline)
      const retryAfter =
        fault.form === "seconds" ? String(seconds) : Headers.formatHttpDate(DateTime.makeUnsafe(deadline))
      return Effect.succeed(Answers.failure(429, "too many requests", { "retry-after": retryAfter }))
    }
    case "ServerError": {
      const title = serverErrorTitles[fault.status]
      switch (fault.form) {
        case "json":
          return Effect.succeed(Answers.failure(fault.status, title))
        case "html":
          return Effect.succeed(Answers.html(fault.status, `${fault.status} ${title}`))
        case "empty":
          return Effect.succeed(HttpServerResponse.empty({ status: fault.status }))
      }
    }
    case "ResetBefore":
      return Effect.fail(new ConnectionReset())
    case "ResetAfter":
      return Effect.andThen(routes, Effect.fail(new ConnectionReset()))
    case "Slow":
      return Effect.andThen(Effect.sleep(fault.delay), routes)
    case "Truncated":
      return Effect.flatMap(routes, truncate)
    case "Malformed":
      return Effect.map(routes, (response) =>
        response.status >= 300 ? response : fault.form === "html" ? Answers.html(200, "OK") : cut(response)
      )
    case "Revoke":
      return Effect.suspend(() => {
        state.tokens.revokeAll()
        return routes
      })
    case "Answer": {
      const { body = "", headers = {}, status } = fault
      const response = HttpServerResponse.text(body, { status, headers })
      const pause = RetryAfter.ofHeaders(response.headers, now)
      if (Option.isSome(pause)) state.log.askedToWait(request, now + Duration.toMillis(pause.value))
      return Effect.succeed(response)
    }
  }
}
