import { Effect, Result, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { DeadLetter } from "../../src/domain/DeadLetter.ts"
import * as IdempotencyKey from "../../src/domain/IdempotencyKey.ts"
import * as LosslessJson from "../../src/domain/LosslessJson.ts"
import { build } from "../../src/domain/ReplayRequest.ts"
import {
  Emulator,
  EmulatorClient,
  type EmulatorOptions,
  type Fault,
  type FaultedRequest,
  FaultPlan
} from "../../src/emulator/index.ts"

export const topicId = "topic_pub_conversations"
export const base = "http://emulator.test"
const listPath = "/api/v2/eventbridge/dlq/events"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

export const send = Effect.fnUntraced(function* (request: HttpClientRequest.HttpClientRequest) {
  const client = yield* HttpClient.HttpClient
  const response = yield* client.execute(request)
  const answer: Answer = { status: response.status, headers: response.headers, text: yield* response.text }
  return answer
})

export const bearer = (token: string | undefined) => (request: HttpClientRequest.HttpClientRequest) =>
  token === undefined ? request : HttpClientRequest.bearerToken(request, token)

/** Parsed JSON, to look into. */
export const json = (answer: Answer) => JSON.parse(answer.text)

export const requestToken = (fields: Record<string, string> = {}, path = "/oauth2/token") =>
  send(
    HttpClientRequest.post(`${base}${path}`).pipe(
      HttpClientRequest.bodyUrlParams({
        grant_type: "client_credentials",
        client_id: "demo",
        client_secret: "demo",
        ...fields
      })
    )
  )

export const token = Effect.map(requestToken(), (answer): string => json(answer).access_token)

export const list = (bearerToken: string | undefined, query: Record<string, string | number> = {}) =>
  send(
    HttpClientRequest.get(`${base}${listPath}`).pipe(
      HttpClientRequest.setUrlParams({ topicId, ...query }),
      bearer(bearerToken)
    )
  )

const decodePage = Schema.decodeUnknownEffect(
  Schema.Struct({ events: Schema.Array(DeadLetter), nextPageToken: Schema.optionalKey(Schema.String) })
)

/** Every page from the first on. */
export const pages = Effect.fnUntraced(function* (bearerToken: string, limit: number) {
  const all: Array<Effect.Success<ReturnType<typeof decodePage>>> = []
  let next: string | undefined
  do {
    const page = yield* decodePage(
      json(yield* list(bearerToken, { limit, ...(next === undefined ? {} : { nextPageToken: next }) }))
    )
    all.push(page)
    next = page.nextPageToken
  } while (next !== undefined)
  return all
})

export const replayBody = (letter: DeadLetter): string =>
  Result.getOrThrow(
    build(letter, {
      initiatedAt: "2024-05-11T09:15:22.103Z",
      clientVersion: "1.0.0",
      maxAttempts: 5,
      destination: undefined
    })
  ).body

export const keyOf = (letter: DeadLetter) => IdempotencyKey.make(letter.eventId, (letter.retryCount ?? 0) + 1)

export const putBody = (bearerToken: string, key: string, body: string, topic = topicId) =>
  send(
    HttpClientRequest.put(`${base}/api/v2/eventbridge/topics/${topic}/events`).pipe(
      HttpClientRequest.setHeader("idempotency-key", key),
      HttpClientRequest.bodyText(body, "application/json"),
      bearer(bearerToken)
    )
  )

export const put = (bearerToken: string, letter: DeadLetter) =>
  putBody(bearerToken, IdempotencyKey.toHeader(keyOf(letter)), replayBody(letter))

/** The letters of the first page, numbers digit by digit. */
export const letters = Effect.fnUntraced(function* (bearerToken: string, limit = 50) {
  const { text } = yield* list(bearerToken, { limit })
  return (yield* decodePage(Result.getOrThrow(LosslessJson.parse(text)))).events
})

/** The first letter of the first page. */
export const firstLetter = (bearerToken: string) =>
  Effect.map(letters(bearerToken, 1), ([letter]): DeadLetter => letter ?? { eventId: "none", topicId })

export const stats = Effect.flatMap(Emulator, (emulator) => emulator.stats)

/** Runs against an emulator of its own, in memory. */
export const withEmulator = (options: EmulatorOptions = {}) => Effect.provide(EmulatorClient.layerEmulator(options))

export const plan = (spec: string): FaultPlan.FaultPlan => Result.getOrThrow(FaultPlan.parse(spec))

/** One fault for the first try of every request to a route. */
export const firstTry = (route: FaultedRequest["route"], fault: Fault) => (request: FaultedRequest) =>
  request.route === route && request.attempt === 1 ? fault : undefined
