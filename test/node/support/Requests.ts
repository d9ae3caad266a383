import { Effect } from "effect"
import { HttpClient, type HttpClientError, HttpClientRequest } from "effect/http"
import * as BufferedHttpClient from "../../../src/node/BufferedHttpClient.ts"

export const withClient = Effect.provide(BufferedHttpClient.layer)

export const put = (url: string, body = "{}") =>
  HttpClient.execute(HttpClientRequest.put(url).pipe(HttpClientRequest.bodyText(body, "application/json")))

export const textOf = <E, R>(sending: Effect.Effect<Effect.Success<ReturnType<typeof put>>, E, R>) =>
  Effect.flatMap(sending, ({ text }) => text)

/** Which kind of error, and what lies under it. */
export const failure = <A, R>(effect: Effect.Effect<A, HttpClientError.HttpClientError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => {
    const cause = "cause" in reason && reason.cause instanceof Error ? reason.cause : undefined
    const status = "response" in reason ? reason.response.status : undefined
    return { tag: reason._tag, cause: cause?.message ?? "", status, reason }
  })
