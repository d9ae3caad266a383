import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option } from "effect"
import { type HttpClientError, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { Fault, type FaultedRequest, FaultPlan } from "../../src/emulator/index.ts"
import {
  base,
  firstLetter,
  firstTry,
  json,
  keyOf,
  letters,
  list,
  plan,
  put,
  requestToken,
  send as request,
  stats,
  token,
  withEmulator
} from "./Harness.ts"

const putRoute = "PUT /api/v2/eventbridge/topics/:topicId/events"

const replay = Effect.gen(function* () {
  const bearer = yield* token
  const letter = yield* firstLetter(bearer)
  return { key: keyOf(letter), send: put(bearer, letter) }
})

const withFault = (fault: Fault) => withEmulator({ script: firstTry("replay", fault) })

const reasonOf = <A, R>(effect: Effect.Effect<A, HttpClientError.HttpClientError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

describe("emulator: faults", () => {
  it.effect("reset-before: no answer, nothing accepted", () =>
    Effect.gen(function* () {
      const { key, send } = yield* replay
      assert.strictEqual((yield* reasonOf(send))._tag, "TransportError")
      assert.deepStrictEqual((yield* stats).deliveries, {})
      assert.strictEqual((yield* send).status, 200)
      const seen = yield* stats
      assert.deepStrictEqual(seen.deliveries, { [key]: 1 })
      assert.deepStrictEqual(seen.requests[putRoute], { "200": 1, reset: 1 })
      assert.deepStrictEqual(seen.faults, { ResetBefore: 1 })
    }).pipe(withFault(Fault.ResetBefore()))
  )

  it.effect("reset-after: no answer, accepted all the same", () =>
    Effect.gen(function* () {
      const { key, send } = yield* replay
      assert.strictEqual((yield* reasonOf(send))._tag, "TransportError")
      assert.deepStrictEqual((yield* stats).deliveries, { [key]: 1 })
      assert.strictEqual((yield* send).status, 409)
      assert.deepStrictEqual((yield* stats).requests[putRoute], { "409": 1, reset: 1 })
    }).pipe(withFault(Fault.ResetAfter()))
  )

  it.effect("truncated: accepted, and the answer breaks off", () =>
    Effect.gen(function* () {
      const { key, send } = yield* replay
      const reason = yield* reasonOf(send)
      assert.strictEqual(reason._tag, "DecodeError")
      assert.include(String(reason.cause), "reset")
      assert.deepStrictEqual((yield* stats).deliveries, { [key]: 1 })
    }).pipe(withFault(Fault.Truncated()))
  )

  it.effect("truncated: so do lists", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      assert.strictEqual((yield* reasonOf(list(bearer)))._tag, "DecodeError")
      assert.strictEqual(json(yield* list(bearer)).events.length, 50)
    }).pipe(withEmulator({ script: firstTry("list", Fault.Truncated()) }))
  )

  it.effect.each(["html", "cut"] as const)("malformed (%s): accepted, and the answer is not JSON", (form) =>
    Effect.gen(function* () {
      const { key, send } = yield* replay
      const answer = yield* send
      assert.strictEqual(answer.status, 200)
      assert.throws(() => json(answer))
      assert.deepStrictEqual((yield* stats).deliveries, { [key]: 1 })
    }).pipe(withFault(Fault.Malformed({ form })))
  )

  it.effect.each(["json", "html", "empty"] as const)("5xx (%s): nothing accepted", (form) =>
    Effect.gen(function* () {
      const { key, send } = yield* replay
      const answer = yield* send
      assert.strictEqual(answer.status, 502)
      const kind = answer.text === "" ? "empty" : answer.text.startsWith("<") ? "html" : "json"
      assert.strictEqual(kind, form)
      assert.deepStrictEqual((yield* stats).deliveries, {})
      yield* send
      assert.deepStrictEqual((yield* stats).deliveries, { [key]: 1 })
    }).pipe(withFault(Fault.ServerError({ status: 502, form })))
  )

  it.effect.each([
    ["seconds", "3", 3000],
    // 2.3 s after the epoch, and three seconds more, rounded up
    ["date", "Thu, 01 Jan 1970 00:00:06 GMT", 3700]
  ] as const)("429 (%s): asks to wait and notices who does not", ([form, header, wait]) =>
    Effect.gen(function* () {
      yield* TestClock.adjust("2300 millis")
      const { send } = yield* replay
      const answer = yield* send
      assert.strictEqual(answer.status, 429)
      assert.strictEqual(answer.headers["retry-after"], header)
      yield* TestClock.adjust(wait - 10)
      yield* send
      assert.strictEqual((yield* stats).retryAfterViolations, 1)
      yield* TestClock.adjust(10)
      yield* send
      assert.strictEqual((yield* stats).retryAfterViolations, 1)
    }).pipe(withFault(Fault.TooManyRequests({ retryAfter: Duration.millis(2001), form })))
  )

  it.effect("a scripted answer that asks to wait: a client that does not wait is noticed, too", () =>
    Effect.gen(function* () {
      const { send } = yield* replay
      assert.strictEqual((yield* send).status, 503)
      yield* TestClock.adjust("2990 millis")
      yield* send
      assert.strictEqual((yield* stats).retryAfterViolations, 1)
      yield* TestClock.adjust("10 millis")
      yield* send
      assert.strictEqual((yield* stats).retryAfterViolations, 1)
    }).pipe(withFault(Fault.Answer({ status: 503, headers: { "Retry-After": "3" } })))
  )

  it.effect.each([
    ["seconds", "253402300799"],
    ["date", "Fri, 31 Dec 9999 23:59:59 GMT"]
  ] as const)("429 (%s): a pause without end is the longest that can be told", ([form, header]) =>
    Effect.gen(function* () {
      const { send } = yield* replay
      assert.strictEqual((yield* send).headers["retry-after"], header)
    }).pipe(withFault(Fault.TooManyRequests({ retryAfter: Duration.infinity, form })))
  )

  it.effect("slow: the answer waits for the clock", () =>
    Effect.gen(function* () {
      const { send } = yield* replay
      const fiber = yield* Effect.forkChild(send)
      yield* TestClock.adjust("499 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    }).pipe(withFault(Fault.Slow({ delay: Duration.millis(500) })))
  )

  it.effect("slow: nothing is accepted from a client that has given up", () =>
    Effect.gen(function* () {
      const { send } = yield* replay
      const fiber = yield* Effect.forkChild(Effect.timeoutOption(send, "499 millis"))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Option.isNone(yield* Fiber.join(fiber)))
      assert.deepStrictEqual((yield* stats).deliveries, {})
    }).pipe(withFault(Fault.Slow({ delay: Duration.millis(500) })))
  )

  it.effect("revoke: every token given so far is dead", () =>
    Effect.gen(function* () {
      const other = yield* token
      const { send } = yield* replay
      assert.strictEqual((yield* send).status, 401)
      assert.strictEqual((yield* list(other)).status, 401)
      assert.strictEqual((yield* list(yield* token)).status, 200)
    }).pipe(withFault(Fault.Revoke()))
  )

  it.effect("any answer", () =>
    Effect.gen(function* () {
      const { send } = yield* replay
      const answer = yield* send
      assert.strictEqual(answer.status, 425)
      assert.strictEqual(answer.headers["x-why"], "test")
      assert.strictEqual(answer.text, "early")
    }).pipe(withFault(Fault.Answer({ status: 425, headers: { "x-why": "test" }, body: "early" })))
  )

  it.effect("outage: from its start to its end nothing is served, not even tokens", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      const down = Effect.matchEffect(requestToken(), {
        onFailure: ({ reason }) => Effect.succeed(reason._tag),
        onSuccess: ({ status }) => Effect.succeed(String(status))
      })
      yield* TestClock.adjust("999 millis")
      assert.strictEqual((yield* list(bearer)).status, 200)
      yield* TestClock.adjust("1 millis")
      const answers = new Set(yield* Effect.all(Array.from({ length: 40 }, () => down)))
      assert.deepStrictEqual(answers, new Set(["TransportError", "503"]))
      yield* TestClock.adjust("2999 millis")
      assert.notStrictEqual(yield* down, "200")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* list(bearer)).status, 200)
    }).pipe(withEmulator({ faults: plan("outage=1s+3s") }))
  )

  it.effect.each([
    ["POST", "/oauth2/token/"],
    ["POST", "/OAuth2/Token"],
    ["POST", "//oauth2/token"],
    ["POST", "/oauth2/tok%65n"],
    ["GET", "/api/v2/eventbridge/dlq/events/"],
    ["HEAD", "/api/v2/eventbridge/dlq/events"],
    ["GET", "/api/v2/eventbridge/subscriptions//x"],
    ["PATCH", "/api/v2/eventbridge/subscriptions/x"]
  ] as const)("what no fault strikes is not served: %s %s", ([method, path]) =>
    Effect.gen(function* () {
      const answer = yield* request(HttpClientRequest.make(method)(`${base}${path}`))
      assert.strictEqual(answer.status, 404)
      assert.strictEqual(json(answer).message, `there is no route ${method} ${path}`)
      assert.deepStrictEqual((yield* stats).requests, {})
    }).pipe(withEmulator({ script: () => Fault.ServerError({ status: 503, form: "json" }) }))
  )

  // Tokens and lists are answered late by no time at all, which keeps chance from them.
  const spared = ({ route }: FaultedRequest) => (route === "replay" ? undefined : Fault.Slow({ delay: Duration.zero }))

  const fates = Effect.gen(function* () {
    const bearer = yield* token
    const all = yield* letters(bearer, 1000)
    yield* Effect.forEach(all, (letter) => Effect.ignore(put(bearer, letter)), { concurrency: 16 })
    const { faults, requests } = yield* stats
    return { faults, requests: requests[putRoute] }
  })

  it.live("chance: the same seed gives the same fates, in the shares asked for", () =>
    Effect.gen(function* () {
      const options = (seed: number) => ({
        letters: 1000,
        script: spared,
        faults: plan(`429=0.1,5xx=0.1,reset-before=0.1,reset-after=0.1,truncated=0.1,malformed=0.1,seed=${seed}`)
      })
      const first = yield* withEmulator(options(1))(fates)
      assert.deepStrictEqual(yield* withEmulator(options(1))(fates), first)
      assert.notDeepEqual((yield* withEmulator(options(2))(fates)).faults, first.faults)
      const kinds = ["TooManyRequests", "ServerError", "ResetBefore", "ResetAfter", "Truncated", "Malformed"]
      for (const kind of kinds) {
        const count = first.faults[kind] ?? 0
        assert.isTrue(count > 60 && count < 140, `${kind}: ${count}`)
      }
    })
  )

  it.effect("chance: token requests suffer 5xx and 429 alone, lists are never malformed", () =>
    Effect.gen(function* () {
      for (let index = 0; index < 50; index++) yield* token
      const bearer = yield* token
      for (let index = 0; index < 50; index++) json(yield* list(bearer))
      assert.deepStrictEqual((yield* stats).faults, {})
    }).pipe(withEmulator({ faults: plan("malformed=1") }))
  )

  it.effect("chance: a pause is given in seconds and as a date", () =>
    Effect.gen(function* () {
      const forms = new Set<string>()
      for (let index = 0; index < 4; index++) {
        forms.add((yield* requestToken()).headers["retry-after"]?.endsWith("GMT") ? "date" : "seconds")
      }
      assert.deepStrictEqual(forms, new Set(["seconds", "date"]))
    }).pipe(withEmulator({ faults: plan("429=1") }))
  )

  it("presets leave most requests alone", () => {
    for (const { rates } of [FaultPlan.few, FaultPlan.all]) {
      assert.isBelow(
        Object.values(rates).reduce((sum, { rate }) => sum + rate, 0),
        0.25
      )
    }
  })
})
