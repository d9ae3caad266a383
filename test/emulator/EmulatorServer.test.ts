import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Logger, Result } from "effect"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { DeadLetter } from "../../src/domain/DeadLetter.ts"
import { Emulator, EmulatorServer, type EmulatorOptions, Fault, type FaultedRequest } from "../../src/emulator/index.ts"
import { definition, path as subscriptionsPath } from "./SubscriptionCalls.ts"
import { firstTry, keyOf, plan, replayBody, topicId } from "./Harness.ts"

const onPort = (options: EmulatorOptions) =>
  Effect.provide(
    EmulatorServer.layer.pipe(
      Layer.provideMerge(Emulator.layer(options)),
      Layer.provideMerge(NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port: 0 }))
    )
  )

/** A client that knows the wire and nothing of this library. */
const client = Effect.gen(function* () {
  const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const call = (path: string, init: RequestInit) =>
    Effect.tryPromise(async () => {
      const response = await fetch(`${url}${path}`, init)
      return { status: response.status, headers: response.headers, text: await response.text() }
    })
  const form = new URLSearchParams({ grant_type: "client_credentials", client_id: "demo", client_secret: "demo" })
  const answer = yield* call("/oauth2/token", { method: "POST", body: form })
  const authorization = `Bearer ${JSON.parse(answer.text).access_token}`
  const headers = { authorization, accept: "application/json", "x-genesys-client-name": "test" }
  return {
    list: (query = "") => call(`/api/v2/eventbridge/dlq/events?topicId=${topicId}${query}`, { headers }),
    put: (letter: DeadLetter) =>
      call(`/api/v2/eventbridge/topics/${topicId}/events`, {
        method: "PUT",
        headers: { ...headers, "content-type": "application/json", "idempotency-key": keyOf(letter) },
        body: replayBody(letter)
      }),
    get: (path: string) => call(path, {}),
    subscriptions: (method: string, under: string, key?: string) =>
      call(`${subscriptionsPath}${under}`, {
        method,
        headers: key === undefined ? headers : { ...headers, "idempotency-key": key },
        ...(key === undefined ? {} : { body: JSON.stringify(definition()) })
      })
  }
})

const firstLetter = Effect.gen(function* () {
  const http = yield* client
  const letter = JSON.parse((yield* http.list()).text).events[0]
  return { http, letter, key: keyOf(letter) }
})

const faulty = (fault: Fault, route: FaultedRequest["route"] = "replay") => onPort({ script: firstTry(route, fault) })

/** The message of what lies under a failed fetch. */
const why = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => {
    const causes: Array<string> = []
    for (let at: unknown = error; at instanceof Error; at = at.cause) causes.push(at.message)
    return causes.join(" / ")
  })

describe("emulator on a port", () => {
  it.live("speaks to a plain HTTP client", () =>
    Effect.gen(function* () {
      const { http, key, letter } = yield* firstLetter
      const taken = yield* http.put(letter)
      assert.strictEqual(taken.status, 200)
      assert.include(taken.headers.get("content-type"), "application/json")
      assert.strictEqual((yield* http.put(letter)).status, 409)
      const seen = JSON.parse((yield* http.get("/__emulator/stats")).text)
      assert.deepStrictEqual(seen, yield* Effect.flatMap(Emulator, ({ stats }) => stats))
      assert.deepStrictEqual(seen.deliveries, { [key]: 1 })
      assert.strictEqual(JSON.parse((yield* http.get("/openapi.json")).text).openapi, "3.1.0")
      const unknown = yield* http.get("/nowhere")
      assert.strictEqual(unknown.status, 404)
      assert.isString(JSON.parse(unknown.text).message)
      assert.strictEqual((yield* http.get("/api/v2/eventbridge/dlq/events?topicId=x")).status, 401)
      const page = JSON.parse((yield* http.list("&limit=3")).text)
      const next = yield* http.list(`&limit=3&nextPageToken=${encodeURIComponent(page.nextPageToken)}`)
      assert.notStrictEqual(JSON.parse(next.text).events[0].eventId, letter.eventId)
    }).pipe(onPort({}))
  )

  it.live("reset-before: the connection dies and nothing is accepted", () =>
    Effect.gen(function* () {
      const { http, key, letter } = yield* firstLetter
      assert.match(yield* why(http.put(letter)), /ECONNRESET|socket|closed/)
      const { stats } = yield* Emulator
      assert.deepStrictEqual((yield* stats).deliveries, {})
      assert.strictEqual((yield* http.put(letter)).status, 200)
      assert.deepStrictEqual((yield* stats).deliveries, { [key]: 1 })
    }).pipe(faulty(Fault.ResetBefore()))
  )

  it.live("reset-after: the connection dies and the event is accepted", () =>
    Effect.gen(function* () {
      const { http, key, letter } = yield* firstLetter
      assert.match(yield* why(http.put(letter)), /ECONNRESET|socket|closed/)
      const { stats } = yield* Emulator
      assert.deepStrictEqual((yield* stats).deliveries, { [key]: 1 })
      assert.strictEqual((yield* http.put(letter)).status, 409)
    }).pipe(faulty(Fault.ResetAfter()))
  )

  it.live("truncated: status and headers arrive, the body does not", () =>
    Effect.gen(function* () {
      const { http, key, letter } = yield* firstLetter
      assert.match(yield* why(http.put(letter)), /terminated/)
      assert.deepStrictEqual((yield* Effect.flatMap(Emulator, ({ stats }) => stats)).deliveries, { [key]: 1 })
      assert.strictEqual((yield* http.put(letter)).status, 409)
    }).pipe(faulty(Fault.Truncated()))
  )

  it.live("truncated: large pages break off, too", () =>
    Effect.gen(function* () {
      const http = yield* client
      assert.match(yield* why(http.list("&limit=1000")), /terminated/)
      assert.strictEqual(JSON.parse((yield* http.list("&limit=1000")).text).events.length, 500)
    }).pipe(faulty(Fault.Truncated(), "list"))
  )

  it.live("holds subscriptions", () =>
    Effect.gen(function* () {
      const { subscriptions: call } = yield* client
      const { stats, subscriptions } = yield* Emulator
      assert.match(yield* why(call("POST", "", "a")), /ECONNRESET|socket|closed/)
      assert.strictEqual((yield* subscriptions).length, 1)
      const created = yield* call("POST", "", "a")
      assert.strictEqual(created.status, 201)
      assert.deepStrictEqual(Object.keys(JSON.parse(created.text)), ["id", "name", "state", "createdDate"])
      assert.strictEqual((yield* call("PUT", "/sub_000001", "b")).status, 200)
      assert.deepStrictEqual(JSON.parse((yield* call("GET", "/")).text).subscriptions, yield* subscriptions)
      assert.strictEqual((yield* call("GET", "/sub_000001/delivery-status")).text, `{"state":"pending"}`)
      const removed = yield* call("DELETE", "/sub_000001")
      assert.strictEqual(removed.status, 204)
      assert.strictEqual((yield* call("GET", "/sub_000001")).status, 404)
      const seen = yield* stats
      assert.deepStrictEqual(seen.subscriptionWrites, { creates: 1, updates: 1, deletes: 1 })
      assert.deepStrictEqual(seen.requests[`POST ${subscriptionsPath}`], { "201": 1, reset: 1 })
    }).pipe(faulty(Fault.ResetAfter(), "createSubscription"))
  )

  it.live("truncated: a delete has no body to break off in, so the connection dies", () =>
    Effect.gen(function* () {
      const { subscriptions: call } = yield* client
      yield* call("POST", "", "a")
      assert.match(yield* why(call("DELETE", "/sub_000001")), /ECONNRESET|socket|closed/)
      assert.strictEqual((yield* call("GET", "/sub_000001")).status, 404)
    }).pipe(faulty(Fault.Truncated(), "deleteSubscription"))
  )

  it.live("a script that throws is reported in the log, as the client learns nothing", () => {
    const told: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ cause, logLevel }) => told.push(`${logLevel} ${Cause.pretty(cause).split("\n")[0]}`))
    ])
    const script = () => Result.getOrThrowWith(Result.fail("a bug"), (message) => new Error(message))
    return Effect.gen(function* () {
      const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const answer = yield* Effect.promise(() => fetch(`${url}/oauth2/token`, { method: "POST" }))
      assert.strictEqual(answer.status, 500)
      assert.deepStrictEqual(told, ["Error Error: a bug"])
    }).pipe(onPort({ script }), Effect.provide(logger))
  })

  it.live("survives every kind at once without logging anything", () =>
    Effect.gen(function* () {
      const { http } = yield* firstLetter
      const listed = yield* Effect.retry(http.list("&limit=300"), { times: 20 })
      const page: { readonly events: ReadonlyArray<DeadLetter> } = JSON.parse(listed.text)
      const words: Array<unknown> = []
      const write = process.stdout.write
      process.stdout.write = (word: unknown) => words.push(word) > 0
      yield* Effect.forEach(page.events, (letter) => Effect.retry(http.put(letter), { times: 20 }), {
        concurrency: 8
      }).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            process.stdout.write = write
          })
        )
      )
      assert.deepStrictEqual(words, [])
      const seen = yield* Effect.flatMap(Emulator, ({ stats }) => stats)
      assert.isAbove(Object.keys(seen.deliveries).length, 250)
      assert.deepStrictEqual(seen.distinctBodies, {})
    }).pipe(onPort({ faults: plan("reset-before=0.1,reset-after=0.1,truncated=0.1,slow=0.05:20ms") }))
  )
})
