import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type { Dispatcher } from "@effect/platform-node/Undici"
import { Context, Effect, type Fiber, Layer, Option, Result, Tracer } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, Url } from "effect/http"
import { AnswerTooLong } from "../domain/AnswerTooLong.ts"
import { maxPayloadBytes } from "../domain/ReplayRequest.ts"
import { BufferedResponse } from "./BufferedResponse.ts"

/** What undici needs to know of a URL. */
interface Target {
  readonly origin: string
  readonly path: string
  /** Without its fragment. */
  readonly href: string
}

type Request = HttpClientRequest.HttpClientRequest
type Resume = (effect: Effect.Effect<BufferedResponse, HttpClientError.HttpClientError>) => void
type ResponseHeaders = Dispatcher.ResponseData["headers"]

/**
 * The most bytes that are read of an answer. The longest in the contract is a page of letters: this is one of 1,000,
 * twenty times the default, with payloads of the greatest length and 4 KiB for the rest of each. As text it is shorter
 * than V8's longest string (0x1fffffe8 characters).
 */
export const maxAnswerBytes = 1_000 * (maxPayloadBytes + 4_096)

/** The few URLs that take most requests are parsed once. */
const maxTargets = 64

const targets = () => {
  const known = new Map<string, Target>()

  return (request: Request): Result.Result<Target, HttpClientError.HttpClientError> => {
    const isWhole = request.urlParams.params.length === 0 && Option.isNone(request.hash)
    const found = isWhole ? known.get(request.url) : undefined
    if (found !== undefined) return Result.succeed(found)
    return Url.make(request.url, request.urlParams, Option.getOrUndefined(request.hash)).pipe(
      Result.mapError((cause) => invalidUrl(request, cause)),
      Result.flatMap((url) => targetOf(request, url)),
      Result.tap((target) => {
        if (!isWhole) return
        if (known.size === maxTargets) known.clear()
        known.set(request.url, target)
      })
    )
  }
}

const targetOf = (request: Request, url: URL): Result.Result<Target, HttpClientError.HttpClientError> =>
  url.protocol === "http:" || url.protocol === "https:"
    ? Result.succeed({ origin: url.origin, path: url.pathname + url.search, href: url.href.split("#", 1)[0] ?? "" })
    : Result.fail(invalidUrl(request, new Error(`the protocol is ${url.protocol} instead of http: or https:`)))

const invalidUrl = (request: Request, cause: unknown) =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.InvalidUrlError({ request, cause }) })

/** The body as undici accepts it in one piece, `null` when there is none; `undefined` for any other kind. */
const wholeBody = ({ body }: Request): string | Uint8Array | null | undefined => {
  switch (body._tag) {
    case "Empty":
      return null
    case "Uint8Array":
      return body.body
    case "Raw":
      return typeof body.body === "string" || body.body instanceof Uint8Array ? body.body : undefined
    default:
      return undefined
  }
}

/** undici found the request itself wrong: nothing was sent, and nothing ever will be. */
const unsendable = new Set<unknown>([
  "UND_ERR_INVALID_ARG",
  "UND_ERR_NOT_SUPPORTED",
  "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"
])

const unanswered = (request: Request, cause: Error) =>
  new HttpClientError.HttpClientError({
    reason:
      "code" in cause && unsendable.has(cause.code)
        ? new HttpClientError.EncodeError({ request, cause })
        : new HttpClientError.TransportError({ request, cause })
  })

const unread = (request: Request, response: BufferedResponse, cause: Error) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.DecodeError({ request, response, cause, description: cause.message })
  })

/**
 * Resumes together those whose answers arrived in the same turn of the event loop: reading all answers first and then resuming
 * all who wait for them takes less time than alternating between the two. It happens in the next turn, because undici frees
 * the connections only at the end of this one, and requests sent before that would open new connections.
 */
const makeArrivals = () => {
  let arrived: Array<() => void> = []
  const handOver = (answers: ReadonlyArray<() => void>): void => {
    let next = 0
    try {
      while (next < answers.length) answers[next++]?.()
    } finally {
      // One of those resumed has thrown: the others must still get their answers.
      if (next < answers.length) setImmediate(handOver, answers.slice(next))
    }
  }
  const endTurn = (): void => {
    setImmediate(handOver, arrived)
    arrived = []
  }
  return (answer: () => void): void => {
    if (arrived.push(answer) === 1) setImmediate(endTurn)
  }
}

/**
 * One request in flight. undici calls each of these at most once, except for interim answers and pieces of the body.
 */
class InFlight implements Dispatcher.DispatchHandler {
  readonly #request: Request
  readonly #url: string
  readonly #resume: Resume
  readonly #arrivals: (handOver: () => void) => void
  readonly #chunks: Array<Uint8Array> = []
  #controller: Dispatcher.DispatchController | undefined
  #interrupted: Error | undefined
  #bytes = 0
  #status = 0
  #headers: ResponseHeaders = {}

  constructor(request: Request, url: string, resume: Resume, arrivals: (handOver: () => void) => void) {
    this.#request = request
    this.#url = url
    this.#resume = resume
    this.#arrivals = arrivals
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#interrupted !== undefined) return controller.abort(this.#interrupted)
    this.#controller = controller
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    // Interim answers come here, too: the last one counts.
    this.#status = status
    this.#headers = headers
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > maxAnswerBytes) return controller.abort(new AnswerTooLong({ maxBytes: maxAnswerBytes }))
    this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    const [first] = this.#chunks
    const answer = this.#answer(first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks))
    this.#arrivals(() => this.#resume(Effect.succeed(answer)))
  }

  onResponseError(_: Dispatcher.DispatchController, cause: Error): void {
    // Interim answers, 1xx, are none.
    const error =
      this.#status < 200
        ? unanswered(this.#request, cause)
        : unread(this.#request, this.#answer(new Uint8Array()), cause)
    this.#resume(Effect.fail(error))
  }

  #answer(body: Uint8Array): BufferedResponse {
    return new BufferedResponse(this.#request, { url: this.#url, status: this.#status, headers: this.#headers, body })
  }

  /** Cuts the connection; a request that still waits for one is not sent. */
  interrupt(): void {
    this.#interrupted = new Error("the request was interrupted")
    this.#controller?.abort(this.#interrupted)
  }
}

const make = Effect.gen(function* () {
  // Deadlines are the caller's: `Effect.timeout` and the like.
  const dispatcher = yield* NodeHttpClient.makeDispatcherOptions({ headersTimeout: 0, bodyTimeout: 0 })
  const layerContext = yield* Effect.context<never>()
  const isLayerTraced = yield* Effect.withFiber((fiber) => Effect.succeed(fiber.cache.tracer !== undefined))
  const target = targets()
  const arrivals = makeArrivals()

  // As with Effect's own clients, the context of the layer applies to its requests, too.
  const withLayerContext = (client: HttpClient.HttpClient) =>
    HttpClient.transformResponse(
      client,
      Effect.updateContext((context: Context.Context<never>) => Context.merge(layerContext, context))
    )

  const streaming = withLayerContext(
    yield* Effect.provideService(NodeHttpClient.makeUndici, NodeHttpClient.Dispatcher, dispatcher)
  )

  const send = (request: Request, { href, origin, path }: Target) =>
    Effect.callback<BufferedResponse, HttpClientError.HttpClientError>((resume) => {
      const inFlight = new InFlight(request, href, resume, arrivals)
      const { headers, method } = request
      dispatcher.dispatch({ origin, path, method, headers, body: wholeBody(request) ?? null }, inFlight)
      return Effect.sync(() => inFlight.interrupt())
    })

  const traced = withLayerContext(
    HttpClient.make((request, url) =>
      Result.match(targetOf(request, url), { onFailure: Effect.fail, onSuccess: (found) => send(request, found) })
    )
  )

  const isTraced = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
    (isLayerTraced || fiber.cache.tracer !== undefined) &&
    fiber.cache.tracerEnabled &&
    !fiber.getRef(Tracer.DisablePropagation)

  return HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap((request) => {
      if (wholeBody(request) === undefined || "upgrade" in request.headers) return streaming.execute(request)
      return Effect.withFiber((fiber) => {
        if (isTraced(fiber)) return traced.execute(request)
        const found = target(request)
        return Result.isSuccess(found) ? send(request, found.success) : Effect.fail(found.failure)
      })
    }),
    Effect.succeed
  )
})

/**
 * An `HttpClient` for calls with small answers: it reads each to its end before it hands it over, on undici's
 * `dispatch`. With `NodeHttpClient.layerUndici`, whose answers can be streamed, `Replay.run` had 0.53 of its throughput
 * at 1.9 times the CPU time (64 at once, a service that answers at once, 2 cores, median of 7).
 *
 * An answer that breaks off fails as a `DecodeError`, with its status and headers; so does one longer than
 * `maxAnswerBytes`, for `AnswerTooLong`, and its connection is cut. Streams and forms as bodies, and upgrades, go
 * through `NodeHttpClient` and the same connections. Requests get spans and `traceparent` if there is a tracer.
 */
export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.effect(HttpClient.HttpClient, make)
