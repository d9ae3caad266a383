import { Clock, Context, Duration, Effect, Layer, Logger, Predicate, Record, Redacted, Tracer } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, HttpServerResponse } from "effect/http"
import { Webhook } from "standardwebhooks"
import {
  EventBridgeConfig,
  EventBridgeHttp,
  type EventBridgeOptions,
  Metrics,
  type ReplayAuditRecord,
  type ReplayRequest,
  Token,
  Transport
} from "../../src/index.ts"
import { AnswerTooLong } from "../../src/domain/AnswerTooLong.ts"

/** A request as the receiver saw it. */
export interface Sent {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /** Epoch milliseconds. */
  readonly at: number
}

/** Everything that was sent, in order. */
export class Wire extends Context.Service<Wire, { readonly sent: Array<Sent> }>()("test/services/Wire") {}

type Response = HttpServerResponse.HttpServerResponse

/** What a request is answered; `reset` is no answer at all. Bodies are at hand: to read one takes no turn of the loop. */
export type Answer = Response | "reset" | Effect.Effect<Response | "reset", HttpClientError.HttpClientError>
export type Answerer = (request: Sent, index: number) => Answer

export const text = (body: string, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  HttpServerResponse.text(body, { status, headers })

export const json = (body: unknown, status = 200): Response =>
  HttpServerResponse.text(JSON.stringify(body), { status, contentType: "application/json" })

/** Answers late. */
export const late = (delay: Duration.Input, answer: Response): Effect.Effect<Response> =>
  Effect.as(Effect.sleep(delay), answer)

/** Answers with more than the client reads. */
export const tooLong = (status = 200): Effect.Effect<never, HttpClientError.HttpClientError> => {
  const request = HttpClientRequest.get("https://bus.example.com")
  const response = HttpServerResponse.toClientResponse(text("", status), { request })
  const reason = new HttpClientError.DecodeError({ request, response, cause: new AnswerTooLong({ maxBytes: 9 }) })
  return Effect.fail(new HttpClientError.HttpClientError({ reason }))
}

const bodyOf = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""

/** An HTTP client that writes down what it is given and answers by hand. */
export const layerWire = (answerer: Answerer): Layer.Layer<HttpClient.HttpClient | Wire> =>
  Layer.effectContext(
    Effect.sync(() => {
      const sent: Array<Sent> = []
      const client = HttpClient.make((request, url) =>
        Effect.gen(function* () {
          const entry: Sent = {
            method: request.method,
            url,
            headers: request.headers,
            body: bodyOf(request),
            at: yield* Clock.currentTimeMillis
          }
          const given = answerer(entry, sent.push(entry) - 1)
          const isAtHand = given === "reset" || HttpServerResponse.isHttpServerResponse(given)
          const answer = isAtHand ? given : yield* given
          if (answer === "reset") {
            const cause = new Error("read ECONNRESET")
            return yield* new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request, cause })
            })
          }
          return HttpServerResponse.toClientResponse(answer, { request })
        })
      )
      return Context.make(Wire, { sent }).pipe(Context.add(HttpClient.HttpClient, client))
    })
  )

export const secret = "s3cr3t-of-the-client"

/** 24 bytes of it. */
export const webhookSecret = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29rISEh"

/** What a receiver that holds the secret makes of a request: its body, or a failure that says why it is not to be trusted. */
export const verified = ({ body, headers }: Pick<Sent, "body" | "headers">, signedWith = webhookSecret) =>
  Effect.try({
    try: () => new Webhook(signedWith).verify(body, Record.filter(headers, Predicate.isNotUndefined)),
    catch: String
  })

export const options: EventBridgeOptions = {
  baseUrl: "https://bus.example.com",
  clientId: "the-client",
  clientSecret: Redacted.make(secret)
}

export const limits = Transport.layerLimitsMemory

export const layerTransport = (overrides: Partial<EventBridgeOptions> = {}) =>
  Transport.layer.pipe(
    Layer.provideMerge(Metrics.layer),
    Layer.provide(limits),
    Layer.provideMerge(EventBridgeConfig.layer({ ...options, ...overrides }))
  )

export const layerToken = (overrides: Partial<EventBridgeOptions> = {}) =>
  Layer.provideMerge(Token.layer, layerTransport(overrides))

export const layerHttp = (overrides: Partial<EventBridgeOptions> = {}) =>
  EventBridgeHttp.layer.pipe(Layer.provideMerge(layerToken(overrides)))

export const isTokenRequest = ({ url }: Sent): boolean => url.pathname === "/oauth2/token"

/** Gives tokens named token-1, token-2, …, and leaves everything else to another. */
export const withTokens = (answerer: Answerer, answer: Readonly<Record<string, unknown>> = {}): Answerer => {
  let issued = 0
  let others = 0
  return (request) =>
    isTokenRequest(request)
      ? json({ access_token: `token-${++issued}`, token_type: "Bearer", expires_in: 3600, ...answer })
      : answerer(request, others++)
}

/** The requests that are not for a token. */
export const calls = Effect.map(Wire, ({ sent }) => sent.filter((request) => !isTokenRequest(request)))

export const tokenRequests = Effect.map(Wire, ({ sent }) => sent.filter(isTokenRequest))

export const receipt = { eventId: "evt_1", status: "queued" }

export const replayOf = (eventId = "evt_1", topicId = "topic-1", payload: unknown = { n: 1 }): ReplayRequest => ({
  topicId,
  idempotencyKey: `replay-${eventId}-v1`,
  body: JSON.stringify({
    eventId,
    idempotencyKey: `replay-${eventId}-v1`,
    originalPayload: payload,
    retryMatrix: { currentAttempt: 1, maxAllowed: 5, firstFailure: null, lastFailure: null, failureReason: null },
    routingDirective: { destinationOverride: null, preserveOriginalTopic: true },
    replayMetadata: { initiatedAt: "2024-05-11T09:15:22.103Z", clientVersion: "1.0.0" }
  })
})

export const firstPage = { topicId: "topic-1", limit: 50, nextPageToken: undefined }

export const record = (
  eventId = "evt_1",
  status: ReplayAuditRecord["status"] = "SUCCESS",
  detail?: string
): ReplayAuditRecord => ({
  event_id: eventId,
  action: "REPLAY_PUT",
  status,
  error_classification: status === "SUCCESS" ? null : "NETWORK",
  latency_ms: 12,
  timestamp: "2024-05-11T09:15:22.103Z",
  idempotency_key: `replay-${eventId}-v1`,
  destination: "topic-1",
  run_id: "run-1",
  ...(detail === undefined ? {} : { detail })
})

/** A line that was logged. */
export interface Line {
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** Collects what is logged instead of printing it. */
export const collectLogs = () => {
  const lines: Array<Line> = []
  const logger = Logger.map(Logger.formatStructured, ({ annotations, level, message }) => {
    lines.push({ level, message: String(message), annotations })
  })
  return { lines, layer: Logger.layer([logger]) }
}

/** Collects spans, as an application with a tracer would export them. */
export const collectSpans = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (given) => {
      const span = new Tracer.NativeSpan(given)
      spans.push(span)
      return span
    }
  })
  return { spans, layer: Layer.succeed(Tracer.Tracer, tracer) }
}

/** The clock of the machine is set after a while; time goes on as ever. */
export const setClock =
  (after: Duration.Input, by: Duration.Input) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Clock.clockWith((clock) => {
      const currentTimeMillisUnsafe = (): number => {
        const now = clock.currentTimeMillisUnsafe()
        return now < Duration.toMillis(after) ? now : now + Duration.toMillis(by)
      }
      return Effect.provideService(effect, Clock.Clock, {
        ...clock,
        currentTimeMillisUnsafe,
        currentTimeMillis: Effect.sync(currentTimeMillisUnsafe)
      })
    })
