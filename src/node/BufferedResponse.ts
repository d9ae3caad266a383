import type { Dispatcher } from "@effect/platform-node/Undici"
import { Effect, Inspectable, Option, Pipeable, type Schema, Stream } from "effect"
import {
  Cookies,
  Headers,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  UrlParams
} from "effect/http"
import type { Socket } from "effect/socket"

type IncomingHeaders = Dispatcher.ResponseData["headers"]

const decoder = new TextDecoder()

/** An answer whose body has arrived whole: its connection is free, whether or not anybody reads it. */
export class BufferedResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: string
  readonly status: number
  readonly #headers: IncomingHeaders
  readonly #body: Uint8Array

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    source: {
      readonly url: string
      readonly status: number
      readonly headers: IncomingHeaders
      readonly body: Uint8Array
    }
  ) {
    super()
    this.request = request
    this.url = source.url
    this.status = source.status
    this.#headers = source.headers
    this.#body = source.body
  }

  get headers(): Headers.Headers {
    return Headers.fromInput(this.#headers)
  }

  get cookies(): Cookies.Cookies {
    return Cookies.fromSetCookie(this.#headers["set-cookie"] ?? [])
  }

  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }

  get text(): Effect.Effect<string> {
    // Never too long for a string: see `maxAnswerBytes`.
    return Effect.sync(() => decoder.decode(this.#body))
  }

  get json(): Effect.Effect<Schema.Json, HttpClientError.HttpClientError> {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({
        try: () => (text === "" ? null : JSON.parse(text)),
        catch: (cause) => this.#undecodable(cause)
      })
    )
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer> {
    return Effect.sync(() => new Uint8Array(this.#body).buffer)
  }

  get stream(): Stream.Stream<Uint8Array> {
    return this.#body.length === 0 ? Stream.empty : Stream.succeed(this.#body)
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams> {
    // `URLSearchParams` would take a leading "?" for the mark of a query.
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text.replace(/^\?/, "%3F"))))
  }

  get formData(): Effect.Effect<FormData, HttpClientError.HttpClientError> {
    return Effect.flatMap(this.arrayBuffer, (body) =>
      Effect.tryPromise({
        try: () => new Response(body, { headers: this.headers }).formData(),
        catch: (cause) => this.#undecodable(cause)
      })
    )
  }

  get upgrade(): Effect.Effect<Socket.Socket, HttpClientError.HttpClientError> {
    return Effect.fail(
      new HttpClientError.HttpClientError({
        reason: new HttpClientError.StatusCodeError({
          request: this.request,
          response: this,
          description: "the connection was not upgraded"
        })
      })
    )
  }

  #undecodable(cause: unknown): HttpClientError.HttpClientError {
    return new HttpClientError.HttpClientError({
      reason: new HttpClientError.DecodeError({ request: this.request, response: this, cause })
    })
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "effect/http/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }
}
