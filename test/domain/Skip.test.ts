import { assert, describe, it } from "@effect/vitest"
import { Skip } from "../../src/index.ts"
import { describe as inWords, reason, SkipReason } from "../../src/domain/Skip.ts"

const cases = [
  [Skip.NotSelected(), "NOT_SELECTED", "not selected by this run"],
  [Skip.UnreadableLetter({ issue: "Missing key" }), "UNREADABLE_LETTER", "not a dead letter: Missing key"],
  [Skip.PayloadMissing(), "PAYLOAD_MISSING", "the queue holds no payload for it"],
  [
    Skip.PayloadTooLarge({ bytes: 262_145, maxBytes: 262_144 }),
    "PAYLOAD_TOO_LARGE",
    "its payload is 262,145 bytes, the service accepts 262,144"
  ],
  [Skip.MaxAttemptsReached({ attempt: 6, maxAttempts: 5 }), "MAX_ATTEMPTS_REACHED", "attempt 6 of at most 5"],
  [Skip.HeldBack({ key: "conv_7" }), "HELD_BACK", 'held back: an earlier letter of the key "conv_7" failed']
] as const

describe("Skip", () => {
  it.each(cases)("%j is %s: %s", (skip, name, words) => {
    assert.strictEqual(reason(skip), name)
    assert.strictEqual(inWords(skip), words)
  })

  it("has a name for each reason, and no other", () => {
    assert.deepStrictEqual(
      cases.map(([, name]) => name),
      [...SkipReason.literals]
    )
  })
})
