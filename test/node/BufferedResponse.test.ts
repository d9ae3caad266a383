import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { HttpClient } from "effect/http"
import { gzipSync } from "node:zlib"
import * as RawServer from "./support/RawServer.ts"
import { failure, put, textOf, withClient } from "./support/Requests.ts"

const { answering, response } = RawServer

describe("BufferedResponse", () => {
  it.live("a body is read in every way, as often as wanted", () =>
    Effect.gen(function* () {
      const server = yield* answering(response('{"a":"ü"}', ["Content-Type: application/json", "X-Two: 1", "x-two: 2"]))
      const answer = yield* HttpClient.get(server.url)
      const bytes = new TextEncoder().encode('{"a":"ü"}')
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(yield* answer.text, '{"a":"ü"}')
      assert.deepStrictEqual(yield* answer.json, { a: "ü" })
      assert.deepStrictEqual(new Uint8Array(yield* answer.arrayBuffer), bytes)
      const streamed = yield* Stream.runCollect(answer.stream)
      assert.deepStrictEqual(Buffer.concat(streamed), Buffer.from(bytes))
      assert.strictEqual(yield* answer.text, '{"a":"ü"}')
      assert.strictEqual(answer.headers["content-type"], "application/json")
      assert.strictEqual(answer.headers["x-two"], "1, 2")
      assert.strictEqual((yield* failure(answer.upgrade)).tag, "StatusCodeError")
      assert.include(String(answer), '"status":200')
    }).pipe(withClient)
  )

  it.live("forms, in both encodings", () =>
    Effect.gen(function* () {
      const server = yield* answering(
        response("?a=1&b=%C3%BC+2"),
        response('--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n', [
          "Content-Type: multipart/form-data; boundary=x"
        ])
      )
      const params = yield* Effect.flatMap(HttpClient.get(server.url), ({ urlParamsBody }) => urlParamsBody)
      assert.deepStrictEqual(params.params, [
        ["?a", "1"],
        ["b", "ü 2"]
      ])
      const form = yield* Effect.flatMap(HttpClient.get(server.url), ({ formData }) => formData)
      assert.deepStrictEqual(Array.from(form), [["a", "1"]])
    }).pipe(withClient)
  )

  it.live("a body in another format than was asked for fails when it is read", () =>
    Effect.gen(function* () {
      const server = yield* answering(response("<html>"), response(""))
      const answer = yield* HttpClient.get(server.url)
      const { reason, tag } = yield* failure(answer.json)
      assert.strictEqual(tag, "DecodeError")
      assert.strictEqual("response" in reason && reason.response, answer)
      assert.strictEqual((yield* failure(answer.formData)).tag, "DecodeError")
      assert.isNull(yield* Effect.flatMap(HttpClient.get(server.url), ({ json }) => json))
    }).pipe(withClient)
  )

  it.live("pieces, a byte order mark, bytes that are not UTF-8", () =>
    Effect.gen(function* () {
      const chunk = (bytes: Uint8Array) =>
        Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])
      const text = Buffer.from("\uFEFFgrüße")
      const server = yield* RawServer.start((socket) => {
        socket.setNoDelay(true)
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        // Cut in the middle of the ü.
        const pieces = [text.subarray(0, 6), text.subarray(6), Buffer.from([0xff])]
        const next = () => {
          const piece = pieces.shift()
          socket.write(piece === undefined ? "0\r\n\r\n" : chunk(piece))
          if (piece !== undefined) setImmediate(next)
        }
        next()
      })
      const answer = yield* HttpClient.get(server.url)
      assert.strictEqual(yield* answer.text, "grüße\uFFFD")
      assert.strictEqual((yield* answer.arrayBuffer).byteLength, text.length + 1)
    }).pipe(withClient)
  )

  it.live("several cookies stay apart", () =>
    Effect.gen(function* () {
      const server = yield* answering(
        response("", ["Set-Cookie: a=1; Expires=Wed, 01 Jan 2070 00:00:00 GMT", "Set-Cookie: b=2"]),
        response("", ["Set-Cookie: c=3"]),
        response("")
      )
      const names = Effect.map(HttpClient.get(server.url), ({ cookies }) => Object.keys(cookies.cookies))
      assert.deepStrictEqual(yield* names, ["a", "b"])
      assert.deepStrictEqual(yield* names, ["c"])
      assert.deepStrictEqual(yield* names, [])
    }).pipe(withClient)
  )

  it.live("answers without a body, whatever their headers say; interim answers are passed over", () =>
    Effect.gen(function* () {
      const server = yield* answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${response("final", ["X-Final: 1"])}`
      )
      const read = (sending: ReturnType<typeof HttpClient.get>) =>
        Effect.flatMap(sending, ({ headers, status, text }) =>
          Effect.map(text, (body) => [status, body, headers["link"]])
        )
      assert.deepStrictEqual(yield* read(HttpClient.head(server.url)), [200, "", undefined])
      assert.deepStrictEqual(yield* read(HttpClient.get(server.url)), [204, "", undefined])
      assert.deepStrictEqual(yield* read(HttpClient.get(server.url)), [304, "", undefined])
      assert.deepStrictEqual(yield* read(HttpClient.get(server.url)), [200, "final", undefined])
    }).pipe(withClient)
  )

  it.live("a compressed body is handed over as it came", () =>
    Effect.gen(function* () {
      const body = gzipSync("text")
      const server = yield* RawServer.start((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`)
        socket.write(body)
      })
      const answer = yield* HttpClient.get(server.url)
      assert.deepStrictEqual(Buffer.from(yield* answer.arrayBuffer), body)
      assert.strictEqual(answer.headers["content-encoding"], "gzip")
    }).pipe(withClient)
  )

  it.live("many megabytes", () =>
    Effect.gen(function* () {
      const body = "0123456789abcdef".repeat(1 << 20)
      const server = yield* answering(response(body))
      assert.isTrue((yield* textOf(HttpClient.get(server.url))) === body)
    }).pipe(withClient)
  )

  it.live("a connection is reused, although nobody reads the answers", () =>
    Effect.gen(function* () {
      const server = yield* answering(response("unread"), response("no", [], "500 No"))
      yield* Effect.repeat(put(server.url), { times: 19 })
      assert.strictEqual(server.arrivals.length, 20)
      assert.strictEqual(server.connections(), 1)
    }).pipe(withClient)
  )

  it.live("each of many at once gets its own answer", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.start((socket, { body }) => socket.write(response(body)))
      const bodies = Array.from({ length: 500 }, (_, index) => `body ${index}`)
      const answers = yield* Effect.forEach(bodies, (body) => textOf(put(server.url, body)), { concurrency: 64 })
      assert.deepStrictEqual(answers, bodies)
    }).pipe(withClient)
  )
})
