import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { FetchHttpClient, HttpClient, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { createServer } from "node:http"
import { NodeEventBridge } from "../../src/node/index.ts"
import * as Webhook from "../../src/services/Webhook.ts"
import * as WebhookSignature from "../../src/services/WebhookSignature.ts"
import * as RawServer from "../node/support/RawServer.ts"
import { layerWire, type Sent, text, verified, webhookSecret, Wire } from "./Support.ts"

const make = (secret: string | undefined, url = "https://hooks.example.com/in?token=t0ken") =>
  Webhook.make({
    url,
    secret: secret === undefined ? undefined : Redacted.make(secret),
    headers: { "x-event-source": "test" },
    timeout: Duration.seconds(5),
    maxRetryAfter: Duration.minutes(2)
  }).pipe(Effect.provide(WebhookSignature.layerWebCrypto))

const message = { identity: ["run-1", "key-1"], body: { text: "é \u{1f600} \ud800", n: 1 } }

const sent = Effect.map(Wire, (wire) => wire.sent)

describe("Webhook", () => {
  it.effect("each try has the id and the bytes of the message, but its own time and signature", () =>
    Effect.gen(function* () {
      const started = Date.now()
      yield* TestClock.setTime(started)
      const attempt = yield* Effect.flatMap(make(webhookSecret), (prepare) => prepare(message))
      yield* attempt
      yield* TestClock.adjust("61 seconds")
      yield* attempt
      const [first, second, ...more] = yield* sent
      assert.isDefined(first)
      assert.isDefined(second)
      assert.lengthOf(more, 0)
      assert.strictEqual(first.headers["webhook-timestamp"], String(Math.floor(started / 1000)))
      assert.strictEqual(second.headers["webhook-timestamp"], String(Math.floor((started + 61_000) / 1000)))
      assert.strictEqual(first.headers["webhook-id"], second.headers["webhook-id"])
      assert.strictEqual(first.body, second.body)
      for (const request of [first, second]) {
        assert.deepStrictEqual(yield* verified(request), JSON.parse(JSON.stringify(message.body)))
        assert.strictEqual(request.headers["x-event-source"], "test")
        assert.strictEqual(request.headers["content-type"], "application/json")
      }
      const otherTime = {
        ...second,
        headers: { ...second.headers, "webhook-timestamp": first.headers["webhook-timestamp"] }
      }
      assert.include(yield* Effect.flip(verified(otherTime)), "No matching signature")
      const otherId = { ...first, headers: { ...first.headers, "webhook-id": "another" } }
      assert.include(yield* Effect.flip(verified(otherId)), "No matching signature")
      assert.include(yield* Effect.flip(verified(first, `whsec_${"A".repeat(32)}`)), "No matching signature")
    }).pipe(Effect.provide(layerWire(() => text("", 204))))
  )

  it.live("a receiver verifies what comes over a real connection", () =>
    Effect.gen(function* () {
      const received: Array<Pick<Sent, "body" | "headers">> = []
      const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
      yield* server.serve(
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          received.push({ body: yield* request.text, headers: request.headers })
          return HttpServerResponse.empty({ status: 202 })
        })
      )
      yield* Effect.flatten(
        Effect.flatMap(make(webhookSecret, HttpServer.formatAddress(server.address)), (prepare) => prepare(message))
      )
      const [request] = received
      assert.isDefined(request)
      assert.deepStrictEqual(yield* verified(request), JSON.parse(JSON.stringify(message.body)))
    }).pipe(Effect.scoped, Effect.provide(NodeEventBridge.layer))
  )

  it.effect("without a secret there is no signature", () =>
    Effect.gen(function* () {
      yield* Effect.flatten(Effect.flatMap(make(undefined), (prepare) => prepare(message)))
      const [request] = yield* sent
      assert.isDefined(request)
      assert.deepStrictEqual(
        Object.keys(request.headers).filter((name) => name.startsWith("webhook-")),
        []
      )
    }).pipe(Effect.provide(layerWire(() => text("", 204))))
  )

  it.effect("an application's client that fails because of a status is understood, too", () =>
    Effect.gen(function* () {
      const attempt = yield* Effect.flatMap(make(undefined), (prepare) => prepare(message))
      const failure = yield* Effect.flip(attempt)
      assert.deepInclude(failure, { detail: "it answered 410", isRetryable: false })
    }).pipe(
      Effect.updateService(HttpClient.HttpClient, HttpClient.filterStatusOk),
      Effect.provide(layerWire(() => text("", 410)))
    )
  )

  it.effect("what cannot be signed is not sent", () =>
    Effect.gen(function* () {
      const attempt = yield* Effect.flatMap(make("s3cr3t"), (prepare) => prepare(message))
      const { detail, isRetryable } = yield* Effect.flip(attempt)
      assert.include(detail, "could not be signed")
      assert.notInclude(detail, "s3cr3t")
      assert.isFalse(isRetryable)
      assert.lengthOf(yield* sent, 0)
    }).pipe(Effect.provide(layerWire(() => text("", 204))))
  )

  const clients = [
    ["the client of Node", NodeEventBridge.layer],
    ["fetch", FetchHttpClient.layer]
  ] as const

  it.live.each(clients)("of an answer that breaks off, the status counts: %s", ([, client]) =>
    Effect.gen(function* () {
      const server = yield* RawServer.start((socket, { number }) => {
        const head = number === 1 ? "503 Down\r\nRetry-After: 7" : "202 Accepted"
        socket.write(`HTTP/1.1 ${head}\r\nContent-Length: 9\r\n\r\nhalf`, () => socket.end())
      })
      const attempt = yield* Effect.flatMap(make(undefined, server.url), (prepare) => prepare(message))
      const failure = yield* Effect.flip(attempt)
      assert.deepInclude(failure, { detail: "it answered 503", isRetryable: true, retryAfterMillis: 7000 })
      yield* attempt
      assert.lengthOf(server.arrivals, 2)
    }).pipe(Effect.scoped, Effect.provide(client))
  )

  it.live.each(clients)("a success from where it was redirected to is none: %s", ([, client]) =>
    Effect.gen(function* () {
      const server = yield* RawServer.start((socket, { head }) =>
        socket.write(
          head.includes("/sign-in")
            ? "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsign in"
            : "HTTP/1.1 302 Found\r\nLocation: /sign-in?token=t0ken\r\nContent-Length: 0\r\n\r\n"
        )
      )
      const url = `${server.url}/in?token=t0ken`
      const attempt = yield* Effect.flatMap(make(undefined, url), (prepare) => prepare(message))
      const { detail, isRetryable } = yield* Effect.flip(attempt)
      assert.match(detail, /^it answered 302$|^the request was redirected$/)
      assert.isFalse(isRetryable)
    }).pipe(Effect.scoped, Effect.provide(client))
  )
})
