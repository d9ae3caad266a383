import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type DeadLetter, LosslessJson, maxPayloadBytes, Skip } from "../../src/index.ts"
import { build, currentAttempt, payloadBytes, type ReplayContext } from "../../src/domain/ReplayRequest.ts"

const context: ReplayContext = {
  initiatedAt: "2024-05-11T09:15:22.103Z",
  clientVersion: "1.0.0",
  maxAttempts: 5,
  destination: undefined
}

const letter: DeadLetter = {
  eventId: "evt_8f3a2b1c-9d4e-5f6a-7b8c-9d0e1f2a3b4c",
  topicId: "topic_pub_conversations",
  payload: { conversationId: "conv_123", type: "conversation:start", timestamp: "2024-05-10T14:30:00Z" },
  failureReason: "HTTP 502 Bad Gateway",
  retryCount: 3,
  firstFailureTimestamp: "2024-05-10T14:30:05Z",
  lastFailureTimestamp: "2024-05-10T14:35:00Z"
}

const bodyOf = (from: DeadLetter, options: Partial<ReplayContext> = {}): string =>
  Result.getOrThrow(build(from, { ...context, ...options })).body

const skipOf = (from: DeadLetter, options: Partial<ReplayContext> = {}) =>
  Result.getOrThrow(Result.flip(build(from, { ...context, ...options })))

/** A payload of exactly so many bytes, `unit` repeated and the rest filled up. */
const payloadOf = (bytes: number, unit: string) => {
  const room = bytes - 2
  const width = new TextEncoder().encode(unit).length
  const text = unit.repeat(Math.floor(room / width)) + "a".repeat(room % width)
  return { ...letter, payload: text }
}

describe("ReplayRequest", () => {
  it("is the contract's text, member for member", () => {
    const request = Result.getOrThrow(build(letter, context))
    assert.strictEqual(request.topicId, "topic_pub_conversations")
    assert.strictEqual(request.idempotencyKey, "replay-evt_8f3a2b1c-9d4e-5f6a-7b8c-9d0e1f2a3b4c-v4")
    assert.strictEqual(
      request.body,
      '{"eventId":"evt_8f3a2b1c-9d4e-5f6a-7b8c-9d0e1f2a3b4c",' +
        '"idempotencyKey":"replay-evt_8f3a2b1c-9d4e-5f6a-7b8c-9d0e1f2a3b4c-v4",' +
        '"originalPayload":{"conversationId":"conv_123","type":"conversation:start","timestamp":"2024-05-10T14:30:00Z"},' +
        '"retryMatrix":{"currentAttempt":4,"maxAllowed":5,"firstFailure":"2024-05-10T14:30:05Z",' +
        '"lastFailure":"2024-05-10T14:35:00Z","failureReason":"HTTP 502 Bad Gateway"},' +
        '"routingDirective":{"destinationOverride":null,"preserveOriginalTopic":true},' +
        '"replayMetadata":{"initiatedAt":"2024-05-11T09:15:22.103Z","clientVersion":"1.0.0"}}'
    )
  })

  it.each<DeadLetter>([
    { eventId: "e", topicId: "t", payload: 1 },
    {
      eventId: "e",
      topicId: "t",
      payload: 1,
      retryCount: null,
      failureReason: null,
      firstFailureTimestamp: null,
      lastFailureTimestamp: null
    }
  ])("what is absent is null, and a missing count is 0: %j", (bare) => {
    assert.strictEqual(
      bodyOf(bare),
      '{"eventId":"e","idempotencyKey":"replay-e-v1","originalPayload":1,' +
        '"retryMatrix":{"currentAttempt":1,"maxAllowed":5,"firstFailure":null,"lastFailure":null,"failureReason":null},' +
        '"routingDirective":{"destinationOverride":null,"preserveOriginalTopic":true},' +
        '"replayMetadata":{"initiatedAt":"2024-05-11T09:15:22.103Z","clientVersion":"1.0.0"}}'
    )
  })

  it("a destination override leaves the topic", () => {
    assert.include(
      bodyOf(letter, { destination: "https://hooks.example.com/in" }),
      '"routingDirective":{"destinationOverride":"https://hooks.example.com/in","preserveOriginalTopic":false}'
    )
  })

  it("the payload keeps its digits, its odd names and its halves of surrogate pairs", () => {
    const text = '{"a":12345678901234567890,"b":-0,"__proto__":{"c":1e400},"d":"\\ud800","e":0.10000000000000000555}'
    const payload = Result.getOrThrow(LosslessJson.parse(text))
    assert.include(bodyOf({ ...letter, payload }), `"originalPayload":${text},`)
  })

  it("the event id is in the body as it is", () => {
    assert.include(bodyOf({ ...letter, eventId: "ü 🎉" }), '"idempotencyKey":"replay-ü 🎉-v4"')
  })

  it.each(["a", "ü", "€", "🎉"])("the limit counts bytes of UTF-8: %s", (unit) => {
    const largest = payloadOf(maxPayloadBytes, unit)
    assert.strictEqual(payloadBytes(largest), 262_144)
    assert.isTrue(Result.isSuccess(build(largest, context)))
    const tooLarge = payloadOf(maxPayloadBytes + 1, unit)
    assert.deepStrictEqual(skipOf(tooLarge), Skip.PayloadTooLarge({ bytes: 262_145, maxBytes: 262_144 }))
  })

  it("characters that have to be escaped count as their escapes", () => {
    assert.strictEqual(payloadBytes({ ...letter, payload: '"\n\ud800' }), '"\\"\\n\\ud800"'.length)
  })

  it("the last attempt allowed is made, the next one not", () => {
    assert.strictEqual(currentAttempt({ ...letter, retryCount: 4 }), 5)
    assert.isTrue(Result.isSuccess(build({ ...letter, retryCount: 4 }, context)))
    assert.deepStrictEqual(
      skipOf({ ...letter, retryCount: 5 }),
      Skip.MaxAttemptsReached({ attempt: 6, maxAttempts: 5 })
    )
    assert.isTrue(Result.isSuccess(build({ ...letter, retryCount: 5 }, { ...context, maxAttempts: 6 })))
  })

  it("without a payload there is nothing to send", () => {
    const { payload: _, ...missing } = letter
    assert.deepStrictEqual(skipOf(missing), Skip.PayloadMissing())
    assert.deepStrictEqual(skipOf({ ...letter, payload: null }), Skip.PayloadMissing())
  })

  it("a payload nested too deep to be written is skipped: not sent, and no crash", () => {
    const depth = 100_000
    const payload: unknown = JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`)
    const skip = skipOf({ ...letter, payload })
    assert.strictEqual(skip?._tag, "UnreadableLetter")
    if (skip?._tag === "UnreadableLetter") assert.include(skip.issue, "its payload cannot be written as JSON")
  })

  it.each([0, false, "", [], {}])("%j is a payload", (payload) => {
    assert.include(bodyOf({ ...letter, payload }), `"originalPayload":${JSON.stringify(payload)},`)
  })
})
