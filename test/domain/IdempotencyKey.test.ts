import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as IdempotencyKey from "../../src/domain/IdempotencyKey.ts"

describe("IdempotencyKey", () => {
  it("names the event and the attempt", () => {
    assert.strictEqual(IdempotencyKey.make("evt_8f3a", 4), "replay-evt_8f3a-v4")
  })

  it.each([
    ["replay-evt_8f3a-v1", "replay-evt_8f3a-v1"],
    ["replay-ü-v1", "replay-%C3%BC-v1"],
    ["replay-100%-v1", "replay-100%-v1"],
    ["replay-a b~!-v1", "replay-a b~!-v1"],
    ["replay-🎉-v1", "replay-%F0%9F%8E%89-v1"],
    ["replay-\ud800-v1", "replay-%EF%BF%BD-v1"],
    ["replay-\r\n\t\u007f\u0000-v1", "replay-%0D%0A%09%7F%00-v1"],
    ["replay-\u00a0-v1", "replay-%C2%A0-v1"]
  ])("%j goes out as %j", (key, header) => {
    assert.strictEqual(IdempotencyKey.toHeader(key), header)
  })

  it.prop("a header is printable ASCII whatever the event id", [Schema.String, Schema.Int], ([eventId, attempt]) => {
    assert.match(IdempotencyKey.toHeader(IdempotencyKey.make(eventId, attempt)), /^[\x20-\x7e]+$/)
  })

  it.prop("printable ASCII stands as it is", [Schema.String], ([text]) => {
    const ascii = text.replace(/[^\x20-\x7e]/g, "")
    assert.strictEqual(IdempotencyKey.toHeader(ascii), ascii)
  })
})
