import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { FailureShare } from "../../src/domain/FailureShare.ts"
import { EventBridgeError, ReplayOutcome, SchemaViolation, Skip, Unauthorized } from "../../src/index.ts"

const letter = { eventId: "evt", topicId: "t" }
const sent = { eventId: "evt", letter, idempotencyKey: "key", latencyMillis: 1 }

const rejected = (reason: SchemaViolation | Unauthorized) =>
  ReplayOutcome.Rejected({
    ...sent,
    error: new EventBridgeError({ operation: "ReplayEvent", reason, tries: 1, ambiguous: false })
  })

const outcomes = {
  accepted: ReplayOutcome.Accepted({ ...sent, receipt: undefined, confirmedBy: "UnreadableReceipt" }),
  duplicate: ReplayOutcome.Duplicate(sent),
  skipped: ReplayOutcome.Skipped({ ...sent, skip: Skip.NotSelected() }),
  invalid: rejected(new SchemaViolation({ status: 400, detail: "no" })),
  unauthorized: rejected(new Unauthorized({ detail: "no" }))
}
type Kind = keyof typeof outcomes

const isFailure = (kind: Kind) => kind === "invalid" || kind === "unauthorized"

/** How many letters it takes until one is too many. */
const take = (share: FailureShare, kinds: ReadonlyArray<Kind>) => {
  for (const [index, kind] of kinds.entries()) {
    const tooMany = share.add(outcomes[kind])
    if (tooMany !== undefined) return { taken: index + 1, tooMany }
  }
  return { taken: kinds.length, tooMany: undefined }
}

const repeat = (kind: Kind, times: number): ReadonlyArray<Kind> => Array.from({ length: times }, () => kind)

describe("the share of letters that failed", () => {
  it("says nothing of fewer than 100 letters that were sent", () => {
    const share = new FailureShare(0.5)
    const { taken, tooMany } = take(share, [...repeat("invalid", 99), ...repeat("skipped", 500), "invalid"])
    assert.strictEqual(taken, 600)
    assert.deepStrictEqual([tooMany?.sent, tooMany?.failed], [100, 100])
    assert.include(tooMany?.message, "100% of the last 100 letters sent failed, 100 of them with SCHEMA_VIOLATION")
    assert.include(tooMany?.message, "the limit is 50%")
    assert.include(String(tooMany?.hint), "maxFailureShare")
  })

  it("counts those before the 100th, even if that one is accepted", () => {
    const { taken, tooMany } = take(new FailureShare(0), ["accepted", "invalid", ...repeat("accepted", 500)])
    assert.strictEqual(taken, 100)
    assert.deepStrictEqual([tooMany?.sent, tooMany?.failed], [100, 1])
  })

  it("names what most of them failed with", () => {
    const kinds = Array.from({ length: 100 }, (_, index): Kind => (index % 3 === 0 ? "invalid" : "unauthorized"))
    const { tooMany } = take(new FailureShare(0.9), kinds)
    assert.deepStrictEqual([tooMany?.classification, tooMany?.times], ["UNAUTHORIZED", 66])
  })

  it("stops a run that went well for long soon after all begin to fail", () => {
    const { taken, tooMany } = take(new FailureShare(0.5), [...repeat("accepted", 50_000), ...repeat("invalid", 1000)])
    assert.strictEqual(taken, 50_501)
    assert.deepStrictEqual([tooMany?.sent, tooMany?.failed], [1000, 501])
  })

  it("lets a bad batch pass, of duplicates at any length", () => {
    const bad = [...repeat("accepted", 400), ...repeat("invalid", 400), ...repeat("accepted", 700)]
    assert.strictEqual(take(new FailureShare(0.5), [...bad, ...bad, ...bad]).tooMany, undefined)
    assert.strictEqual(take(new FailureShare(0), repeat("duplicate", 5000)).tooMany, undefined)
    assert.strictEqual(take(new FailureShare(1), repeat("invalid", 5000)).tooMany, undefined)
  })

  it.prop(
    "is that of the last 1,000",
    {
      kinds: Schema.Array(Schema.Literals(["accepted", "duplicate", "skipped", "invalid", "unauthorized"])).check(
        Schema.isMinLength(1),
        Schema.isMaxLength(40)
      ),
      times: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 90 })),
      most: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
    },
    ({ kinds, most, times }) => {
      const all = kinds.flatMap((kind) => repeat(kind, times))
      const { taken, tooMany } = take(new FailureShare(most), all)
      const exceeds = (upTo: number) => {
        const last = all
          .slice(0, upTo)
          .filter((kind) => kind !== "skipped")
          .slice(-1000)
        const failed = last.filter(isFailure).length
        return last.length >= 100 && failed > most * last.length
      }
      const first = all.findIndex((_, index) => exceeds(index + 1))
      assert.strictEqual(taken, first === -1 ? all.length : first + 1)
      assert.strictEqual(tooMany !== undefined, first !== -1)
    },
    { arbitrary: { runs: 40 } }
  )
})
