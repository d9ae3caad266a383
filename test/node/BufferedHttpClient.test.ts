import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope, Stream, Tracer } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { constants } from "node:buffer"
import type { Socket } from "node:net"
import * as BufferedHttpClient from "../../src/node/BufferedHttpClient.ts"
import * as RawServer from "./support/RawServer.ts"
import { failure, put, textOf, withClient } from "./support/Requests.ts"

const { answering, response } = RawServer

describe("BufferedHttpClient: requests", () => {
  const kinds: ReadonlyArray<readonly [name: string, body: HttpBody.HttpBody, arrives: string | RegExp]> = [
    ["no body", HttpBody.empty, ""],
    ["bytes", HttpBody.uint8Array(new TextEncoder().encode('{"é":1}'), "application/json"), '{"é":1}'],
    ["part of a buffer", HttpBody.uint8Array(Buffer.from("..bytes..").subarray(2, 7)), "bytes"],
    ["text", HttpBody.text("grüße", "text/plain"), "grüße"],
    ["a raw string", HttpBody.raw("grüße"), "grüße"],
    ["raw bytes", HttpBody.raw(Buffer.from("raw")), "raw"],
    [
      "a stream",
      HttpBody.stream(Stream.make(new TextEncoder().encode("one "), new TextEncoder().encode("two"))),
      /^one two$|^4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n$/
    ],
    [
      "a form",
      HttpBody.formData(
        (() => {
          const form = new FormData()
          form.append("name", "välue")
          return form
        })()
      ),
      /form-data; name="name"[^]*välue/
    ]
  ]

  it.live.each(kinds)("%s arrives as it is", ([, body, arrives]) =>
    Effect.gen(function* () {
      const server = yield* answering(response("taken"))
      const request = HttpClientRequest.put(`${server.url}/a%20path?q=1#part`, {
        headers: { "idempotency-key": "key-1" },
        urlParams: { more: "ü&" },
        body
      })
      assert.strictEqual(yield* textOf(HttpClient.execute(request)), "taken")
      const [arrival] = server.arrivals
      assert.match(arrival?.head ?? "", /^PUT \/a%20path\?q=1&more=%C3%BC%26 HTTP\/1\.1\r\n/)
      assert.include(arrival?.head, "\r\nidempotency-key: key-1")
      assert.include(arrival?.head, `\r\nhost: ${server.url.slice("http://".length)}`)
      if (typeof arrives === "string") assert.strictEqual(arrival?.body, arrives)
      else assert.match(arrival?.body ?? "", arrives)
    }).pipe(withClient)
  )

  it.live("URLs are read as Effect's own client reads them, also when they come again", () =>
    Effect.gen(function* () {
      const server = yield* answering(response(""))
      const paths = [
        "",
        "/",
        "?a=b",
        "#only",
        "/a/../b/./c",
        "/sp ace/ü?ö=ä",
        "/%2e%2E/x%2Fy?x=%zz",
        "//double",
        "/'\"<>"
      ]
      const seen = (client: HttpClient.HttpClient) =>
        Effect.forEach(paths, (path) =>
          Effect.map(client.get(server.url + path), ({ url }) => [
            url,
            server.arrivals.at(-1)?.head.split("\r\n", 1)[0]
          ])
        )
      const own = yield* HttpClient.HttpClient
      const first = yield* seen(own)
      assert.deepStrictEqual(
        first,
        yield* Effect.provide(Effect.flatMap(HttpClient.HttpClient, seen), NodeHttpClient.layerUndici)
      )
      assert.deepStrictEqual(yield* seen(own), first)
    }).pipe(withClient)
  )

  it.live("parameters are added to a URL that is known already", () =>
    Effect.gen(function* () {
      const server = yield* answering(response(""))
      const sent = [{}, { page: "1" }, { page: "2" }, {}]
      yield* Effect.forEach(sent, (urlParams) => HttpClient.get(`${server.url}/list`, { urlParams }))
      assert.deepStrictEqual(
        server.arrivals.map(({ head }) => head.split(" ")[1]),
        ["/list", "/list?page=1", "/list?page=2", "/list"]
      )
    }).pipe(withClient)
  )

  it.live("more URLs than are remembered", () =>
    Effect.gen(function* () {
      const server = yield* answering(response(""))
      const paths = Array.from({ length: 150 }, (_, index) => `/${index}`)
      yield* Effect.forEach(paths, (path) => HttpClient.get(server.url + path))
      assert.deepStrictEqual(
        server.arrivals.map(({ head }) => head.split(" ")[1]),
        paths
      )
    }).pipe(withClient)
  )

  it.live.each(["nowhere", "/relative", "http://[", "http://a:99999/", "ftp://127.0.0.1/", "mailto:a@b"])(
    "%s is not a URL to send to",
    (url) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* failure(HttpClient.get(url))).tag, "InvalidUrlError")
        assert.strictEqual((yield* failure(traced(HttpClient.get(url)))).tag, "InvalidUrlError")
      }).pipe(withClient)
  )

  it.live("a header that cannot be sent fails by its name, without its value, and nothing is sent", () =>
    Effect.gen(function* () {
      const server = yield* answering(response("ok"))
      const found = yield* failure(HttpClient.get(server.url, { headers: { "idempotency-key": "secret\r\nx: 1" } }))
      assert.deepStrictEqual([found.tag, found.cause], ["EncodeError", "invalid idempotency-key header"])
      assert.strictEqual((yield* failure(HttpClient.get(server.url, { headers: { "b d": "1" } }))).tag, "EncodeError")
      assert.strictEqual(
        (yield* failure(HttpClient.get(server.url, { headers: { expect: "100-continue" } }))).tag,
        "EncodeError"
      )
      assert.strictEqual(
        (yield* failure(
          HttpClient.execute(HttpClientRequest.put(server.url, { body: HttpBody.raw("four", { contentLength: 5 }) }))
        )).tag,
        "EncodeError"
      )
      assert.strictEqual(server.arrivals.length, 0)
      assert.strictEqual(yield* textOf(HttpClient.get(server.url)), "ok")
    }).pipe(withClient)
  )

  it.live("an upgrade hands over the connection", () =>
    Effect.gen(function* () {
      const server = yield* answering("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
      const answer = yield* HttpClient.execute(HttpClientRequest.get(server.url).pipe(HttpClientRequest.upgrade("tcp")))
      assert.strictEqual(answer.status, 101)
      yield* answer.upgrade
      assert.include(server.arrivals[0]?.head, "upgrade: tcp")
    }).pipe(withClient)
  )
})

describe("BufferedHttpClient: failures", () => {
  it.live.each([
    ["cut before a word", (socket) => socket.destroy(), /other side closed/],
    ["reset before a word", (socket) => socket.resetAndDestroy(), /ECONNRESET|other side closed/],
    ["cut within the headers", (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Le"), /other side closed|parse/i],
    ["no HTTP", (socket) => socket.write("SSH-2.0-OpenSSH_9.6\r\n"), /Expected HTTP|parse/i],
    [
      "an upgrade nobody asked for",
      (socket) => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
      },
      /upgrade/
    ],
    [
      "two lengths",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
      },
      /.+/
    ]
  ] satisfies ReadonlyArray<readonly [string, (socket: Socket) => void, RegExp]>)(
    "%s: no answer, and the next request gets one",
    ([, wrong, cause]) =>
      Effect.gen(function* () {
        const server = yield* RawServer.start((socket, arrival) =>
          arrival.number === 1 ? wrong(socket) : socket.write(response("well"))
        )
        const found = yield* failure(put(server.url))
        assert.strictEqual(found.tag, "TransportError")
        assert.match(found.cause, cause)
        assert.strictEqual(yield* textOf(put(server.url)), "well")
      }).pipe(withClient)
  )

  it.live.each([
    [
      "cut within the body",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
      /other side closed/
    ],
    [
      "reset within the body",
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", () => socket.resetAndDestroy())
      },
      /ECONNRESET|other side closed/
    ],
    [
      "cut between two chunks, the connection to be closed",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
      /.+/
    ],
    [
      "cut within a body, the connection to be closed",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf"),
      /.+/
    ]
  ] satisfies ReadonlyArray<readonly [string, (socket: Socket) => void, RegExp]>)(
    "%s: an answer with a status, and the next request gets a whole one",
    ([, wrong, cause]) =>
      Effect.gen(function* () {
        const server = yield* RawServer.start((socket, arrival) =>
          arrival.number === 1 ? wrong(socket) : socket.write(response("well"))
        )
        const found = yield* failure(put(server.url))
        assert.deepInclude(found, { tag: "DecodeError", status: 200 })
        assert.match(found.cause, cause)
        assert.strictEqual(yield* textOf(put(server.url)), "well")
      }).pipe(withClient)
  )

  it.live("cut after an interim answer: no answer", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.start((socket) => socket.end("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"))
      assert.deepInclude(yield* failure(put(server.url)), { tag: "TransportError", status: undefined })
    }).pipe(withClient)
  )

  it.live("nobody listens, no such host, no TLS", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(answering(""))
      const refused = yield* failure(put(url))
      assert.deepStrictEqual([refused.tag, /ECONNREFUSED/.test(refused.cause)], ["TransportError", true])
      const unknown = yield* failure(put(`http://${"a".repeat(64)}.invalid/`))
      assert.deepStrictEqual([unknown.tag, /getaddrinfo/.test(unknown.cause)], ["TransportError", true])
      const plain = yield* RawServer.start((socket) => socket.end("plain text"))
      const insecure = yield* failure(put(plain.url.replace("http:", "https:")))
      assert.strictEqual(insecure.tag, "TransportError")
    }).pipe(withClient)
  )
})

describe("BufferedHttpClient: answers without end", () => {
  it.live("are cut off at the greatest length there is, with their status and headers", () =>
    Effect.gen(function* () {
      const piece = Buffer.alloc(1 << 20, "a")
      const pieces = Math.ceil(BufferedHttpClient.maxAnswerBytes / piece.length) + 1
      const server = yield* RawServer.start((socket, { number }) => {
        if (number > 1) return socket.write(response("well"))
        socket.write("HTTP/1.1 503 Down\r\nRetry-After: 7\r\n\r\n")
        let written = 0
        const write = () => {
          while (written++ < pieces) if (!socket.write(piece)) return
        }
        socket.on("drain", write)
        return write()
      })
      const error = yield* Effect.flip(put(server.url)).pipe(Effect.timeout("30 seconds"))
      assert.strictEqual(error._tag, "HttpClientError")
      assert.strictEqual(error.reason._tag, "DecodeError")
      assert.include(error.message, "the answer is longer than 266240000 bytes")
      assert.deepStrictEqual([error.response?.status, error.response?.headers["retry-after"]], [503, "7"])
      yield* server.closed(1)
      assert.strictEqual(yield* textOf(put(server.url)), "well")
    }).pipe(withClient)
  )

  it("what is read is never too long for a string", () => {
    assert.isBelow(BufferedHttpClient.maxAnswerBytes, constants.MAX_STRING_LENGTH)
  })
})

describe("BufferedHttpClient: interruption", () => {
  it.live("before there is a connection: the request is not sent", () =>
    Effect.gen(function* () {
      const server = yield* answering(response("ok"))
      const waiting = yield* Effect.forkChild(put(`${server.url}/interrupted`), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(yield* textOf(put(`${server.url}/next`)), "ok")
      assert.deepStrictEqual(
        server.arrivals.map(({ head }) => head.split(" ")[1]),
        ["/next"]
      )
    }).pipe(withClient)
  )

  it.live.each([
    ["while it waits for an answer", ""],
    ["within the headers", "HTTP/1.1 200 OK\r\nContent-"],
    ["within the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
  ] satisfies ReadonlyArray<readonly [string, string]>)("%s: the connection is cut, others go on", ([, answer]) =>
    Effect.gen(function* () {
      const held: Array<Socket> = []
      const server = yield* RawServer.start((socket, { number }) => {
        if (number === 1) socket.write(answer)
        if (number === 2) held.push(socket)
        // The second is answered when the first has been cut and the third has arrived.
        if (number === 3) [socket, ...held].forEach((each) => each.write(response("ok")))
      })
      const first = yield* Effect.forkChild(put(server.url), { startImmediately: true })
      yield* server.arrived(1)
      const second = yield* Effect.forkChild(textOf(put(server.url)), { startImmediately: true })
      yield* server.arrived(2)
      const exit = yield* Effect.andThen(Fiber.interrupt(first), Fiber.await(first))
      assert.isTrue(Exit.hasInterrupts(exit))
      yield* server.closed(1)
      assert.strictEqual(yield* textOf(put(server.url)), "ok")
      assert.strictEqual(yield* Fiber.join(second), "ok")
    }).pipe(withClient)
  )

  it.live("connections end with the layer, and so do requests in flight", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.start((socket, { number }) => {
        if (number < 3) socket.write(response("ok"))
      })
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(BufferedHttpClient.layer, scope)
      const send = Effect.provideContext(put(server.url), context)
      yield* Effect.all([send, send], { concurrency: 2 })
      const pending = yield* Effect.forkChild(failure(send), { startImmediately: true })
      yield* server.arrived(3)
      const opened = server.connections()
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(pending)).tag, "TransportError")
      yield* server.closed(opened)
      assert.strictEqual((yield* failure(send)).tag, "TransportError")
      assert.strictEqual(server.connections(), opened)
    })
  )

  it.live("the layer can end in the very moment an answer has arrived", () =>
    Effect.gen(function* () {
      const server = yield* answering(response("ok"))
      assert.strictEqual(yield* withClient(textOf(put(server.url))), "ok")
      yield* server.closed(1)
    })
  )
})

describe("BufferedHttpClient: answers that arrive together", () => {
  const together = 20

  /** Answers requests once so many have come. */
  const answeringTogether = Effect.suspend(() => {
    const held: Array<Socket> = []
    return RawServer.start((socket) => {
      if (held.push(socket) === together) held.forEach((each) => each.write(response("ok")))
    })
  })

  /** What is thrown where nobody catches it. The listeners that are there would fail the test for it. */
  const uncaught = Effect.acquireRelease(
    Effect.sync(() => {
      const listeners = process.listeners("uncaughtException")
      const errors: Array<Error> = []
      process.removeAllListeners("uncaughtException")
      process.on("uncaughtException", (error) => errors.push(error))
      return { errors, listeners }
    }),
    ({ listeners }) =>
      Effect.sync(() => {
        process.removeAllListeners("uncaughtException")
        for (const listener of listeners) process.on("uncaughtException", listener)
      })
  )

  it.live.each([1, 20])("leave their connections to the next requests: %d at once", (workers) =>
    Effect.gen(function* () {
      const server = yield* answering(response("ok"))
      const worker = Effect.forEach(Array.from({ length: 10 }), () => put(server.url), { discard: true })
      yield* Effect.all(
        Array.from({ length: workers }, () => worker),
        { concurrency: "unbounded", discard: true }
      )
      assert.strictEqual(server.arrivals.length, 10 * workers)
      assert.strictEqual(server.connections(), workers)
    }).pipe(Effect.scoped, withClient)
  )

  it.live("a consumer that throws on getting one takes it from no other", () =>
    Effect.gen(function* () {
      const { errors } = yield* uncaught
      const server = yield* answeringTogether
      const fibers = yield* Effect.forEach(Array.from({ length: together }), () =>
        Effect.forkChild(textOf(put(server.url)), { startImmediately: true })
      )
      const thrown = new Error("thrown by an observer")
      const [first, second, ...others] = fibers
      for (const fiber of [first, second]) {
        fiber?.addObserver(() => {
          throw thrown
        })
      }
      assert.deepStrictEqual(
        yield* Effect.forEach(others, Fiber.join),
        others.map(() => "ok")
      )
      assert.deepStrictEqual(errors, [thrown, thrown])
    }).pipe(Effect.scoped, withClient)
  )
})

interface Recorded {
  readonly spans: Array<Tracer.NativeSpan>
  readonly tracer: Tracer.Tracer
}

const recorder = (): Recorded => {
  const spans: Array<Tracer.NativeSpan> = []
  return {
    spans,
    tracer: Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
  }
}

const traced = <A, E, R>(effect: Effect.Effect<A, E, R>, { tracer } = recorder()) => Effect.withTracer(effect, tracer)

const traceparent = (arrival: RawServer.Arrival | undefined) =>
  /^traceparent: (.+)$/m.exec(arrival?.head ?? "")?.[1]?.trim()

describe("BufferedHttpClient: tracing", () => {
  it.live("spans and their attributes are those of Effect's own client", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.start((socket, { number }) => {
        if (number % 3 === 0) socket.destroy()
        else socket.write(response("", ["Set-Cookie: secret=1"], number % 3 === 1 ? "200 OK" : "503 Down"))
      })
      const headers = { authorization: "Bearer secret", "x-other": "seen" }
      const seen = Effect.gen(function* () {
        const record = recorder()
        const request = Effect.exit(HttpClient.get(`${server.url}/path?api_key=secret&b=2`, { headers }))
        yield* traced(Effect.repeat(request, { times: 2 }), record)
        return record.spans.map(({ attributes, kind, name, status }) => [
          name,
          kind,
          Object.fromEntries(attributes),
          status._tag === "Ended" ? status.exit._tag : status._tag
        ])
      })
      const own = yield* withClient(seen)
      assert.strictEqual(own.length, 3)
      assert.notInclude(JSON.stringify(own), "Bearer secret")
      assert.deepStrictEqual(own, yield* Effect.provide(seen, NodeHttpClient.layerUndici))
    })
  )

  it.live("the span goes with the request as its traceparent, as a child of the caller's", () =>
    Effect.gen(function* () {
      const server = yield* answering(response("ok"))
      const record = recorder()
      yield* traced(Effect.withSpan(put(server.url), "caller"), record)
      const [caller, client] = record.spans
      assert.strictEqual(client?.traceId, caller?.traceId)
      assert.strictEqual(traceparent(server.arrivals[0]), `00-${client?.traceId}-${client?.spanId}-01`)
    }).pipe(withClient)
  )

  it.live("a tracer that only the layer was given serves as well", () =>
    Effect.gen(function* () {
      const server = yield* answering(response("ok"))
      const record = recorder()
      const layer = Layer.provide(BufferedHttpClient.layer, Layer.succeed(Tracer.Tracer, record.tracer))
      yield* Effect.provide(put(server.url), layer)
      assert.strictEqual(record.spans.length, 1)
      assert.include(traceparent(server.arrivals[0]), record.spans[0]?.spanId)
    })
  )

  it.live("no span and no traceparent where tracing is off", () =>
    Effect.gen(function* () {
      const server = yield* answering(response("ok"))
      const record = recorder()
      const send = put(server.url)
      yield* Effect.withSpan(send, "without a tracer")
      yield* traced(Effect.provideService(send, Tracer.DisablePropagation, true), record)
      yield* traced(Effect.withTracerEnabled(send, false), record)
      yield* traced(
        Effect.provideService(send, HttpClient.TracerDisabledWhen, () => true),
        record
      )
      assert.deepStrictEqual(record.spans, [])
      yield* traced(Effect.provideService(send, HttpClient.TracerPropagationEnabled, false), record)
      assert.strictEqual(record.spans.length, 1)
      assert.deepStrictEqual(
        server.arrivals.map(traceparent),
        Array.from({ length: 5 }, () => undefined)
      )
    }).pipe(withClient)
  )
})
