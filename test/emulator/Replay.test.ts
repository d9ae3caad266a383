import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import {
  json,
  keyOf,
  firstLetter,
  list,
  put,
  putBody,
  replayBody,
  stats,
  token,
  topicId,
  withEmulator
} from "./Harness.ts"

const replayed = Effect.gen(function* () {
  const bearer = yield* token
  const letter = yield* firstLetter(bearer)
  return { bearer, letter, key: keyOf(letter), body: replayBody(letter) }
})

describe("emulator: replays", () => {
  it.effect("are accepted once: 409 for the same bytes, 422 for others", () =>
    Effect.gen(function* () {
      const { bearer, body, key, letter } = yield* replayed
      const taken = yield* putBody(bearer, key, body)
      assert.strictEqual(taken.status, 200)
      assert.deepStrictEqual(json(taken), {
        eventId: letter.eventId,
        status: "queued",
        routingStatus: "delivered",
        processedAt: "1970-01-01T00:00:00.000Z"
      })
      assert.strictEqual((yield* putBody(bearer, key, body)).status, 409)
      assert.strictEqual((yield* putBody(bearer, key, `${body} `)).status, 422)
      assert.strictEqual((yield* putBody(bearer, key, body)).status, 409)
      const seen = yield* stats
      assert.deepStrictEqual(seen.deliveries, { [key]: 1 })
      assert.deepStrictEqual(seen.distinctBodies, { [key]: 2 })
      assert.deepStrictEqual(seen.attempts, { [key]: 4 })
      assert.deepStrictEqual(seen.requests["PUT /api/v2/eventbridge/topics/:topicId/events"], {
        "200": 1,
        "409": 2,
        "422": 1
      })
    }).pipe(withEmulator())
  )

  const distant = { eventId: "evt_0", topicId: "t".repeat(5000), payload: {} }

  it.effect("are accepted whatever the length of the topic id", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      const taken = yield* putBody(bearer, keyOf(distant), replayBody(distant), distant.topicId)
      assert.strictEqual(taken.status, 200)
    }).pipe(withEmulator({ topicId: distant.topicId, queue: [distant] }))
  )

  it.effect("are accepted again once the key is forgotten", () =>
    Effect.gen(function* () {
      const { bearer, body, key } = yield* replayed
      yield* putBody(bearer, key, body)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual((yield* putBody(bearer, key, body)).status, 409)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* putBody(bearer, key, body)).status, 200)
      assert.deepStrictEqual((yield* stats).deliveries, { [key]: 2 })
    }).pipe(withEmulator({ keyRetention: "10 seconds" }))
  )

  it.effect("do not change the queue", () =>
    Effect.gen(function* () {
      const { bearer, letter } = yield* replayed
      const before = yield* list(bearer)
      yield* put(bearer, letter)
      assert.strictEqual((yield* list(bearer)).text, before.text)
    }).pipe(withEmulator())
  )

  it.effect("that are wrong are refused with the reason", () =>
    Effect.gen(function* () {
      const { bearer, body, key, letter } = yield* replayed
      const refused = (status: number, answer: Effect.Success<ReturnType<typeof putBody>>, about: string) => {
        assert.strictEqual(answer.status, status)
        assert.include(json(answer).message, about)
      }
      refused(400, yield* putBody(bearer, key, "{"), "JSON")
      refused(400, yield* putBody(bearer, key, "{}"), "eventId")
      refused(400, yield* putBody(bearer, `${key}x`, body), "Idempotency-Key")
      refused(404, yield* putBody(bearer, key, body, "other"), "other")
      refused(404, yield* putBody(bearer, key, body.replace(`"eventId":"evt_`, `"eventId":"evt_0`)), "evt_0")
      refused(422, yield* putBody(bearer, key, body.replace(`"maxAllowed":5`, `"maxAllowed":0`)), "maxAllowed")
      const large = (payload: string) => replayBody({ ...letter, payload: "x" }).replace(`"x"`, () => payload)
      refused(413, yield* putBody(bearer, key, large(`"${"é".repeat(131_072)}"`)), "262144")
      assert.deepStrictEqual((yield* stats).deliveries, {})
      assert.strictEqual((yield* putBody(bearer, key, large(`"${"é".repeat(131_071)}"`))).status, 200)
      assert.strictEqual((yield* stats).payloadMismatches, 1)
    }).pipe(withEmulator())
  )

  const odd = `{"n":12345678901234567890,"z":-0,"big":1e400,"d":0.1000000000000000055511151231257827,"é\\u0000":[1.0]}`
  const oddLetter = `{"eventId":"evt_ü","topicId":"${topicId}","payload":${odd},"retryCount":2,"extra":9007199254740993}`

  it.effect("pass payloads through with every digit", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      const kept = odd.replace("[1.0]", "[1]")
      assert.include((yield* list(bearer)).text, `"payload":${kept}`)
      assert.include((yield* list(bearer)).text, `"extra":9007199254740993`)
      const letter = yield* firstLetter(bearer)
      assert.include(replayBody(letter), kept)
      assert.strictEqual((yield* put(bearer, letter)).status, 200)
      const seen = yield* stats
      assert.deepStrictEqual(seen.deliveries, { "replay-evt_%C3%BC-v3": 1 })
      assert.strictEqual(seen.payloadMismatches, 0)
    }).pipe(withEmulator({ queue: [oddLetter] }))
  )

  it.effect("with a payload that lost digits are counted", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      const letter = json(yield* list(bearer)).events[0]
      assert.strictEqual((yield* put(bearer, letter)).status, 200)
      assert.strictEqual((yield* stats).payloadMismatches, 1)
    }).pipe(withEmulator({ queue: [oddLetter] }))
  )

  it.effect.each([
    ["a text that is not JSON", "{", "it is not JSON"],
    ["a bigint, which is not JSON", { eventId: "evt_1", payload: { n: 10n } }, "BigInt"]
  ] as const)("a queue with %s is refused", ([, letter, problem]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(withEmulator({ queue: ["{}", letter] })(stats))
      assert.strictEqual(error._tag, "InvalidQueue")
      assert.include(error.message, "letter 1 of the queue is not JSON: ")
      assert.include(error.message, problem)
    })
  )

  it.effect("a queue with a text of more levels than can be written is refused", () =>
    Effect.gen(function* () {
      const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`
      // The engine of Node 26 can write any number of them.
      const canBeWritten = Result.isSuccess(Result.try(() => JSON.stringify(JSON.parse(deep))))
      const ended = yield* Effect.result(withEmulator({ queue: ["{}", deep] })(stats))
      assert.strictEqual(Result.isSuccess(ended), canBeWritten)
      if (Result.isSuccess(ended)) return
      assert.strictEqual(ended.failure._tag, "InvalidQueue")
      assert.include(ended.failure.message, "letter 1 of the queue is not JSON: ")
    })
  )
})
