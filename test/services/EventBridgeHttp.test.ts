import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Result } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { EventBridgeHttp, type EventBridgeOptions, LosslessJson, Token } from "../../src/index.ts"
import { Emulator, EmulatorClient, Fault } from "../../src/emulator/index.ts"
import {
  type Answer,
  type Answerer,
  calls,
  collectLogs,
  firstPage,
  json,
  layerHttp,
  layerTransport,
  layerWire,
  receipt,
  replayOf,
  secret,
  text,
  tokenRequests,
  tooLong,
  Wire,
  withTokens
} from "./Support.ts"
import { definition } from "../workflows/support/Definitions.ts"

const withHttp = (answerer: Answerer, options: Partial<EventBridgeOptions> = {}, token = {}) => {
  const wire = layerWire(withTokens(answerer, token))
  return <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provide(layerHttp(options)), Effect.provide(wire), Effect.provide(collectLogs().layer))
}

const list = (request: Parameters<EventBridgeHttp["Service"]["listDeadLetters"]>[0] = firstPage) =>
  Effect.flatMap(EventBridgeHttp, (http) => http.listDeadLetters(request))

const replay = (request = replayOf()) => Effect.flatMap(EventBridgeHttp, (http) => http.replay(request))

/** Runs with all the time in the world. */
const timeless = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect)
  yield* TestClock.adjust("1 hour")
  return yield* Fiber.join(fiber)
})

const emptyPage: Answerer = () => json({ events: [] })
const taken: Answerer = () => json(receipt)

/** Each character as a byte: one beyond ASCII is no UTF-8. */
const latin1 = (body: string, status = 200): Answer =>
  HttpServerResponse.uint8Array(
    Uint8Array.from(body, (char) => char.charCodeAt(0)),
    { status }
  )

const odd = "a/b?c#d e ü%."
const oddEncoded = "a%2Fb%3Fc%23d%20e%20%C3%BC%25."

describe("EventBridgeHttp.listDeadLetters", () => {
  it.effect("asks with token, client name and the page wanted", () =>
    Effect.gen(function* () {
      yield* list({ topicId: odd, limit: 7, nextPageToken: "eyJ+/&=" })
      const [request] = yield* calls
      assert.strictEqual(request?.method, "GET")
      assert.strictEqual(request?.url.href.split("?")[0], "https://bus.example.com/api/v2/eventbridge/dlq/events")
      assert.deepStrictEqual(Array.from(request?.url.searchParams ?? []), [
        ["topicId", odd],
        ["limit", "7"],
        ["nextPageToken", "eyJ+/&="]
      ])
      assert.strictEqual(request?.headers["authorization"], "Bearer token-1")
      assert.strictEqual(request?.headers["accept"], "application/json")
      assert.strictEqual(request?.headers["x-genesys-client-name"], "effect-cxone-eventbridge")
      assert.notProperty(request?.headers, "idempotency-key")
      assert.strictEqual(request?.body, "")
    }).pipe(withHttp(emptyPage))
  )

  it.effect("the first page has no token, and the client name is configurable", () =>
    Effect.gen(function* () {
      yield* list()
      const [request] = yield* calls
      assert.strictEqual(request?.url.search, "?topicId=topic-1&limit=50")
      assert.strictEqual(request?.headers["x-genesys-client-name"], "my app")
    }).pipe(withHttp(emptyPage, { clientName: "my app" }))
  )

  it.effect("a base URL may have a path and a slash at its end", () =>
    Effect.gen(function* () {
      yield* list()
      assert.deepStrictEqual(
        (yield* Wire).sent.map(({ url }) => url.pathname),
        ["/gateway/oauth2/token", "/gateway/api/v2/eventbridge/dlq/events"]
      )
    }).pipe(
      Effect.provide(layerHttp({ baseUrl: "https://bus.example.com/gateway/" })),
      Effect.provide(
        layerWire(({ method }) => json(method === "POST" ? { access_token: "t", expires_in: 3600 } : { events: [] }))
      )
    )
  )

  it.effect("reads letters digit by digit, and reports entries that are not letters", () => {
    const letter =
      '{"eventId":"e","topicId":"t","payload":{"n":12345678901234567890,"__proto__":{"z":-0}},"extra":1e400}'
    return Effect.gen(function* () {
      const page = yield* list()
      assert.strictEqual(page.nextPageToken, "next")
      assert.deepStrictEqual(page.letters.map(Result.isSuccess), [true, false])
      assert.strictEqual(JSON.stringify(page.letters[0]?.pipe(Result.getOrThrow)), letter)
    }).pipe(withHttp(() => text(`{"events":[${letter},{"eventId":7}],"nextPageToken":"next"}`)))
  })

  it.effect.each([
    "<html>ok</html>",
    "",
    "{}",
    '{"events":{}}',
    '{"events":[]',
    "[]",
    '{"events":[],"nextPageToken":3}'
  ])("a page that cannot be read is final: %s", (body) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(list())
      assert.strictEqual(error.reason._tag, "MalformedResponse")
      assert.deepInclude(error, { operation: "ListDeadLetters", tries: 1, ambiguous: false })
      assert.lengthOf(yield* calls, 1)
    }).pipe(withHttp(() => text(body)))
  )

  it.effect("a page longer than is read is final", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(list())
      assert.strictEqual(
        error.message,
        "ListDeadLetters: the answer (200) could not be read: the answer is longer than 9 bytes"
      )
      assert.deepInclude(error, { tries: 1, ambiguous: false })
      assert.lengthOf(yield* calls, 1)
    }).pipe(withHttp(() => tooLong()))
  )

  it.effect(
    "a page that is not in UTF-8 is final: its letters would be replayed with U+FFFD in place of their bytes",
    () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(list())
        assert.strictEqual(error.message, "ListDeadLetters: the answer (200) could not be read: it is not in UTF-8")
        assert.deepInclude(error, { classification: "MALFORMED_RESPONSE", tries: 1, ambiguous: false })
        assert.lengthOf(yield* calls, 1)
      }).pipe(withHttp(() => latin1(`{"events":[{"eventId":"evt_1","topicId":"topic-1","payload":"gr\xfc\xdfe"}]}`)))
  )

  it.effect("U+FFFD that the service sent is U+FFFD", () =>
    Effect.gen(function* () {
      const { letters } = yield* list()
      assert.deepStrictEqual(letters, [Result.succeed({ eventId: "evt_1", topicId: "topic-1", payload: "gr\ufffde" })])
    }).pipe(withHttp(() => json({ events: [{ eventId: "evt_1", topicId: "topic-1", payload: "gr\ufffde" }] })))
  )

  it.effect("a 404 is final and says so", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(list())
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.include(error.message, "no such topic")
      assert.lengthOf(yield* calls, 1)
    }).pipe(withHttp(() => json({ message: "no such topic" }, 404)))
  )

  it.effect("a 403 names the scope that is missing", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(list())
      assert.strictEqual(error.reason._tag, "Forbidden")
      assert.include(error.hint, "eventbridge:read")
    }).pipe(withHttp(() => json({ message: "denied" }, 403)))
  )
})

describe("EventBridgeHttp.replay", () => {
  it.effect("puts the body at the topic's path, with its key", () =>
    Effect.gen(function* () {
      const request = replayOf("evt_ü 🎉", odd)
      const { receipt: given } = yield* replay(request)
      assert.deepStrictEqual(given, receipt)
      const [put] = yield* calls
      assert.strictEqual(put?.method, "PUT")
      assert.strictEqual(put?.url.pathname, `/api/v2/eventbridge/topics/${oddEncoded}/events`)
      assert.strictEqual(put?.url.search, "")
      assert.strictEqual(put?.headers["idempotency-key"], "replay-evt_%C3%BC %F0%9F%8E%89-v1")
      assert.strictEqual(put?.headers["authorization"], "Bearer token-1")
      assert.strictEqual(put?.headers["accept"], "application/json")
      assert.strictEqual(put?.headers["x-genesys-client-name"], "effect-cxone-eventbridge")
      assert.match(put?.headers["content-type"] ?? "", /^application\/json\b/)
      assert.strictEqual(put?.body, request.body)
    }).pipe(withHttp(taken))
  )

  it.effect("the payload is on the wire as it came", () => {
    const payload =
      '{"a":12345678901234567890,"b":0.1000000000000000055511151231257827,"c":[1e400,-0,-0.0],"__proto__":{"d":"\\ud800"}}'
    return Effect.gen(function* () {
      yield* replay(replayOf("e", "t", Result.getOrThrow(LosslessJson.parse(payload))))
      const [put] = yield* calls
      assert.include(put?.body, `"originalPayload":${payload},`)
    }).pipe(withHttp(taken))
  })

  it.effect("201 is as good as 200", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* replay(), { receipt })
    }).pipe(withHttp(() => json(receipt, 201)))
  )

  it.effect("nor is a receipt that is too long to be read", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* replay(), { receipt: undefined })
      assert.lengthOf(yield* calls, 1)
    }).pipe(withHttp(() => tooLong()))
  )

  it.effect("nor is one that is not in UTF-8", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* replay(), { receipt: undefined })
      assert.lengthOf(yield* calls, 1)
    }).pipe(withHttp(() => latin1(`{"eventId":"\xfc","status":"queued"}`)))
  )

  it.effect("a failure that is not in UTF-8 shows what can be read of it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(list())
      assert.strictEqual(error.reason._tag, "NotFound")
      assert.include(error.message, "gr\ufffd\ufffde")
    }).pipe(withHttp(() => latin1(`{"message":"gr\xfc\xdfe"}`, 404)))
  )

  it.effect("a failure that is too long to be read is classified by its status", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(timeless(replay()))
      assert.strictEqual(error.reason._tag, "MaxRetriesExceeded")
      assert.include(error.message, "the service failed (503): the answer is longer than 9 bytes")
      assert.strictEqual((yield* Effect.flip(list())).reason._tag, "NotFound")
    }).pipe(withHttp(({ method }) => tooLong(method === "PUT" ? 503 : 404)))
  )

  it.effect.each(["<html>ok</html>", "", "{}", '{"eventId":"evt_1"', '{"eventId":1,"status":"queued"}'])(
    "a receipt that cannot be read is still a success, and is not requested again: %s",
    (body) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* replay(), { receipt: undefined })
        assert.lengthOf(yield* calls, 1)
      }).pipe(withHttp(() => text(body)))
  )

  it.effect("a retry repeats bytes and key", () =>
    Effect.gen(function* () {
      yield* timeless(replay())
      const sent = yield* calls
      assert.lengthOf(sent, 4)
      assert.strictEqual(new Set(sent.map(({ body }) => body)).size, 1)
      assert.strictEqual(new Set(sent.map(({ headers }) => headers["idempotency-key"])).size, 1)
    }).pipe(withHttp((_, index) => [text("", 503), "reset" as const, text("", 429)][index] ?? json(receipt)))
  )

  const conflict = () => json({ message: "used before" }, 409)

  it.effect.each<[string, () => Answer, boolean]>([
    ["429", () => text("", 429), false],
    ["503", () => text("", 503), true],
    ["500", () => text("", 500), true],
    ["408", () => text("", 408), true],
    ["reset", () => "reset", true]
  ])("a 409 after a %s: an earlier try may have arrived", ([, first, ambiguous]) =>
    Effect.gen(function* () {
      const error = yield* timeless(Effect.flip(replay()))
      assert.strictEqual(error.reason._tag, "DuplicateDetected")
      assert.deepInclude(error, { operation: "ReplayEvent", tries: 2, ambiguous })
    }).pipe(withHttp((_request, index) => (index === 0 ? first() : conflict())))
  )

  it.effect("a 409 on the first try is not ambiguous", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replay())
      assert.strictEqual(error.reason._tag, "DuplicateDetected")
      assert.deepInclude(error, { tries: 1, ambiguous: false })
    }).pipe(withHttp(conflict))
  )

  it.effect("a 409 after one of several tries that may have arrived is ambiguous", () =>
    Effect.gen(function* () {
      const error = yield* timeless(Effect.flip(replay()))
      assert.deepInclude(error, { tries: 4, ambiguous: true })
    }).pipe(withHttp((_, index) => [text("", 429), "reset" as const, text("", 429)][index] ?? conflict()))
  )

  it.effect("an answer that breaks off is tried again, and its 409 is our own", () =>
    Effect.gen(function* () {
      const http = yield* EventBridgeHttp
      const page = yield* http.listDeadLetters({ ...firstPage, topicId: "topic_pub_conversations" })
      const [eventId] = page.letters.map((letter) => Result.getOrThrow(letter).eventId)
      const request = replayOf(eventId, "topic_pub_conversations")
      const error = yield* timeless(Effect.flip(http.replay(request)))
      assert.deepInclude(error, { tries: 2, ambiguous: true })
      assert.strictEqual(error.reason._tag, "DuplicateDetected")
      const { stats } = yield* Emulator
      assert.deepStrictEqual((yield* stats).deliveries, { [request.idempotencyKey]: 1 })
    }).pipe(
      Effect.provide(layerHttp({ clientId: "demo", clientSecret: Redacted.make("demo") })),
      Effect.provide(
        EmulatorClient.layerEmulator({
          script: ({ attempt, route }) => (route === "replay" && attempt === 1 ? Fault.Truncated() : undefined)
        })
      )
    )
  )
})

describe("EventBridgeHttp and the ids in its paths", () => {
  it.effect("letters of several topics go to their own, and each asks its own whether the service is alive", () =>
    Effect.gen(function* () {
      for (const topicId of ["one", "two", "one"]) {
        yield* timeless(Effect.flip(replay(replayOf("evt_1", topicId))))
      }
      const sent = (yield* calls).map(({ method, url }) => [method, url.searchParams.get("topicId") ?? url.pathname])
      const pathTo = (topicId: string) => `/api/v2/eventbridge/topics/${topicId}/events`
      assert.deepStrictEqual(
        sent,
        ["one", "two", "one"].flatMap((topicId) => [
          ["PUT", pathTo(topicId)],
          ["GET", topicId]
        ])
      )
    }).pipe(
      withHttp(({ method }) => (method === "PUT" ? text("", 503) : json({ events: [] })), { retry: { maxRetries: 0 } })
    )
  )

  it.effect.each(["", ".", "..", "a\ud800"])("an id that cannot stand in a path is refused unsent (%j)", (id) =>
    Effect.gen(function* () {
      const http = yield* EventBridgeHttp
      const write = { definition: definition("a-name"), idempotencyKey: "key" }
      const all = [
        ["id", http.getSubscription(id)],
        ["id", http.updateSubscription(id, write)],
        ["id", http.deleteSubscription(id)],
        ["id", http.deliveryStatus(id)],
        ["topicId", http.replay(replayOf("evt_1", id))]
      ] as const
      for (const [member, each] of all) {
        const { message, reason } = yield* Effect.flip(Effect.asVoid(each))
        assert.strictEqual(reason._tag, "UnknownFailure")
        assert.match(message, new RegExp(`the request is not valid: Expected .+ at \\["${member}"\\]`, "s"))
      }
      assert.lengthOf(yield* calls, 0)
    }).pipe(withHttp(emptyPage))
  )
})

describe("EventBridgeHttp and its token", () => {
  it.effect("a 401 has the token renewed, once, and the call sent again", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* replay(), { receipt })
      const sent = yield* calls
      assert.deepStrictEqual(
        sent.map(({ headers }) => headers["authorization"]),
        ["Bearer token-1", "Bearer token-2"]
      )
      assert.strictEqual(new Set(sent.map(({ body }) => body)).size, 1)
    }).pipe(withHttp((_, index) => (index === 0 ? text("", 401) : json(receipt))))
  )

  it.effect("a second 401 is final", () =>
    Effect.gen(function* () {
      const error = yield* timeless(Effect.flip(replay()))
      assert.strictEqual(error.reason._tag, "Unauthorized")
      assert.deepInclude(error, { tries: 2, ambiguous: false, operation: "ReplayEvent" })
      assert.lengthOf(yield* calls, 2)
      assert.lengthOf(yield* tokenRequests, 2)
    }).pipe(withHttp(() => json({ message: "expired" }, 401)))
  )

  it.effect("if a token was accepted before, a new one that is refused as well was revoked, and is renewed", () =>
    Effect.gen(function* () {
      yield* replay()
      assert.deepStrictEqual(yield* replay(), { receipt })
      assert.deepStrictEqual(
        (yield* calls).map(({ headers }) => headers["authorization"]),
        ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-3"]
      )
    }).pipe(withHttp((_, index) => (index === 1 || index === 2 ? text("", 401) : json(receipt))))
  )

  it.effect("64 calls that are refused together share one renewal", () =>
    Effect.gen(function* () {
      const all = Array.from({ length: 64 }, (_, index) => replay(replayOf(`evt_${index}`)))
      yield* Effect.all(all, { concurrency: "unbounded" })
      assert.lengthOf(yield* tokenRequests, 2)
      assert.lengthOf(yield* calls, 128)
    }).pipe(
      withHttp(({ headers }) =>
        headers["authorization"] === "Bearer token-1" ? Effect.as(Effect.sleep(0), text("", 401)) : json(receipt)
      ),
      (self) => timeless(self)
    )
  )

  it.effect("a token that cannot be obtained fails the call with the token's own error, and nothing is sent", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replay())
      assert.deepInclude(error, { operation: "Token", tries: 1 })
      assert.strictEqual(error.reason._tag, "Unauthorized")
      assert.lengthOf(yield* calls, 0)
    }).pipe(Effect.provide(layerHttp()), Effect.provide(layerWire(() => json({ error: "invalid_client" }, 401))))
  )

  const echo: Answerer = ({ headers }) =>
    json({ message: `bad request with ${headers["authorization"]} of ${secret}` }, 400)

  const long = `token-with-${"0123456789".repeat(80)}`

  const shown = (error: unknown) => `${String(error)}${JSON.stringify(error)}`

  it.effect("a body that repeats the token does not get it into the error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replay())
      assert.include(error.message, "Bearer <redacted> of <redacted>")
      assert.notInclude(shown(error), "token-1")
      assert.notInclude(shown(error), secret)
    }).pipe(withHttp(echo))
  )

  it.effect("however long the token is", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replay())
      assert.include(error.message, "(400): not with <redacted>")
    }).pipe(
      withHttp(
        ({ headers }) => json({ message: `not with ${headers["authorization"]?.slice(7)}` }, 400),
        {},
        {
          access_token: "0123456789".repeat(20_000)
        }
      )
    )
  )

  it.effect("nor is the detail any the worse for a secret that is part of another, or of what stands for one", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replay())
      assert.include(error.message, "(400): <redacted> is <redacted>+, or a <redacted>")
    }).pipe(
      withHttp(
        () => json({ message: "d+ is d++, or a d" }, 400),
        { clientSecret: Redacted.make("d") },
        { access_token: "d+" }
      )
    )
  )

  it.effect("not even the part of it that is left when the body is cut", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(replay())
      assert.notInclude(shown(error), "token-with")
    }).pipe(
      withHttp(({ headers }) => text(`${"x".repeat(180)} ${headers["authorization"]}`, 400), {}, { access_token: long })
    )
  )

  it.effect("nor one in markup, or in a page that could not be read", () =>
    Effect.gen(function* () {
      for (const status of [400, 200, 200]) {
        const error = yield* Effect.flip(list())
        assert.strictEqual(error.reason._tag, status === 400 ? "SchemaViolation" : "MalformedResponse")
        assert.notInclude(shown(error), "token-with")
      }
    }).pipe(
      withHttp(
        ({ headers }, index) =>
          index === 0
            ? text(`<html><title>Not allowed: ${headers["authorization"]}</title></html>`, 400)
            : index === 1
              ? text(`you sent ${headers["authorization"]}`)
              : json({ events: headers["authorization"], nextPageToken: [headers["authorization"]] }),
        {},
        { access_token: long }
      )
    )
  )

  it.effect("nor one that could not be sent, whoever repeats the token then", () =>
    Effect.gen(function* () {
      for (const tag of ["UnknownFailure", "MaxRetriesExceeded"]) {
        const error = yield* Effect.flip(list())
        assert.strictEqual(error.reason._tag, tag)
        assert.include(error.message, "cannot send Bearer <redacted>")
        assert.notInclude(shown(error), "token-1")
      }
    }).pipe(
      withHttp(
        ({ headers }, index) => {
          const request = HttpClientRequest.get("https://bus.example.com")
          const cause = new Error(`cannot send ${headers["authorization"]}`)
          const reason =
            index === 0
              ? new HttpClientError.EncodeError({ request, cause })
              : new HttpClientError.TransportError({ request, cause })
          return Effect.fail(new HttpClientError.HttpClientError({ reason }))
        },
        { retry: { maxRetries: 0 } }
      )
    )
  )

  it.effect("nor into the log when a page is tried again", () => {
    const logs = collectLogs()
    return Effect.gen(function* () {
      yield* timeless(list())
      assert.lengthOf(logs.lines, 1)
      assert.include(logs.lines[0]?.message, "Bearer <redacted>")
    }).pipe(
      Effect.provide(logs.layer),
      withHttp(({ headers }, index) =>
        index === 0 ? json({ message: `down for ${headers["authorization"]}` }, 503) : json({ events: [] })
      )
    )
  })
})

describe("EventBridgeHttp.authorize", () => {
  const authorize = Effect.flatMap(EventBridgeHttp, (http) => http.authorize(["ListDeadLetters", "ReplayEvent"]))

  it.effect("names every scope the token lacks, before anything is sent", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(authorize)
      assert.strictEqual(error.reason._tag, "Forbidden")
      assert.deepInclude(error.reason, { scopes: ["eventbridge:read", "eventbridge:write"] })
      assert.include(error.hint, "eventbridge:read eventbridge:write")
      assert.deepInclude(error, { operation: "ListDeadLetters", tries: 0, ambiguous: false })
      assert.lengthOf(yield* calls, 0)
    }).pipe(withHttp(taken, {}, { scope: "eventbridge:subscriptions:read" }))
  )

  it.effect("names the call that would fail", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(authorize)
      assert.deepInclude(error.reason, { scopes: ["eventbridge:write"] })
      assert.strictEqual(error.operation, "ReplayEvent")
    }).pipe(withHttp(taken, {}, { scope: "eventbridge:read" }))
  )

  it.effect("shows of the scopes no more than a line can hold", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(authorize)
      assert.include(
        message,
        `granted "eventbridge:a [31m${"b".repeat(182)}…", which lacks eventbridge:read eventbridge:write`
      )
    }).pipe(withHttp(taken, {}, { scope: `eventbridge:a\u001b[31m${"b".repeat(300)}` }))
  )

  it.effect.each(["eventbridge:write eventbridge:read", undefined, null, "api.all"])("goes ahead with %j", (scope) =>
    Effect.gen(function* () {
      yield* authorize
      assert.lengthOf(yield* tokenRequests, 1)
    }).pipe(withHttp(taken, {}, { scope }))
  )

  it.effect("tells wrong credentials", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(authorize)
      assert.deepInclude(error, { operation: "Token" })
    }).pipe(Effect.provide(layerHttp()), Effect.provide(layerWire(() => json({ error: "invalid_client" }, 401))))
  )

  it.effect("what the application does to requests comes first, for every kind of request: it sees no token", () => {
    const seen: Array<HttpClientRequest.HttpClientRequest> = []
    const noting = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, (client) =>
        HttpClient.mapRequest(client, (request) => {
          seen.push(request)
          return HttpClientRequest.setHeader(request, "x-genesys-client-name", "another")
        })
      )
    )
    return Effect.gen(function* () {
      yield* list()
      yield* replay()
      assert.deepStrictEqual(
        seen.map(({ headers, method, url }) => [method, url[0], headers["authorization"]]),
        [
          ["POST", "/", undefined],
          ["GET", "/", undefined],
          ["PUT", "/", undefined]
        ]
      )
      assert.strictEqual(seen[2]?.headers["content-length"], String(replayOf().body.length))
      const sent = (yield* calls).map(({ headers }) => headers["x-genesys-client-name"])
      assert.strictEqual(new Set(sent).size, 1)
      assert.notInclude(sent, "another")
    }).pipe(
      Effect.provide(layerHttp().pipe(Layer.provide(noting))),
      Effect.provide(layerWire(withTokens(({ method }) => (method === "PUT" ? json(receipt) : json({ events: [] })))))
    )
  })

  it.effect.each<[string, () => Answer, string, number, number]>([
    ["401", () => json({ message: "stale" }, 401), "none", 2, 2],
    ["409", () => text("", 409), "DuplicateDetected", 1, 1],
    ["422", () => json({ message: "no" }, 422), "SchemaViolation", 1, 1],
    ["429 with a pause", () => text("", 429, { "retry-after": "600" }), "RateLimited", 1, 1]
  ])(
    "an application's client that fails because of a status is understood, too: %s",
    ([, answer, expected, times, tokens]) =>
      Effect.gen(function* () {
        const reason = yield* Effect.match(timeless(replay()), {
          onFailure: (error) => error.reason._tag,
          onSuccess: () => "none"
        })
        assert.strictEqual(reason, expected)
        assert.lengthOf(yield* calls, times)
        assert.lengthOf(yield* tokenRequests, tokens)
      }).pipe(
        Effect.provide(
          layerHttp().pipe(
            Layer.provide(
              Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk))
            )
          )
        ),
        Effect.provide(layerWire(withTokens((_request, index) => (index === 0 ? answer() : json(receipt)))))
      )
  )

  it.effect("a token given by the application is used as it is", () =>
    Effect.gen(function* () {
      yield* authorize
      yield* replay()
      const { sent } = yield* Wire
      assert.deepStrictEqual(
        sent.map(({ headers }) => headers["authorization"]),
        ["Bearer mine"]
      )
    }).pipe(
      Effect.provide(
        EventBridgeHttp.layer.pipe(Layer.provide(Token.layerOf(Redacted.make("mine"))), Layer.provide(layerTransport()))
      ),
      Effect.provide(layerWire(withTokens(taken)))
    )
  )
})
