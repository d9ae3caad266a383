import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ReplayTally, TallySnapshot } from "../../src/domain/ReplayTally.ts"
import { countsOf } from "../../src/domain/ReplayReport.ts"
import {
  EventBridgeError,
  MaxRetriesExceeded,
  NetworkFailure,
  NotFound,
  ReplayOutcome,
  SchemaViolation,
  Skip
} from "../../src/index.ts"

const error = (reason: EventBridgeError["reason"]) =>
  new EventBridgeError({ operation: "ReplayEvent", reason, tries: 1, ambiguous: false })

const Kind = Schema.Literals([
  "Receipt",
  "UnreadableReceipt",
  "Duplicate",
  "NotSelected",
  "PayloadMissing",
  "Unreadable",
  "SchemaViolation",
  "NotFound",
  "Exhausted"
])

const Drawn = Schema.Struct({
  kind: Kind,
  reason: Schema.Literals(["HTTP 502", "HTTP 500", "timeout", "__proto__", "constructor", ""]),
  latency: Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 60_000 }))
})
const Outcomes = Schema.Array(Drawn)

const outcomeOf = ({ kind, latency, reason }: typeof Drawn.Type): ReplayOutcome => {
  const letter = { eventId: "e", topicId: "t", ...(reason === "" ? {} : { failureReason: reason }) }
  const read = { eventId: "e", letter, idempotencyKey: "k" }
  const sent = { ...read, latencyMillis: latency }
  switch (kind) {
    case "Receipt":
      return ReplayOutcome.Accepted({ ...sent, receipt: { eventId: "e", status: "queued" }, confirmedBy: kind })
    case "UnreadableReceipt":
      return ReplayOutcome.Accepted({ ...sent, receipt: undefined, confirmedBy: kind })
    case "Duplicate":
      return ReplayOutcome.Duplicate(sent)
    case "NotSelected":
      return ReplayOutcome.Skipped({ ...read, skip: Skip.NotSelected() })
    case "PayloadMissing":
      return ReplayOutcome.Skipped({ ...read, skip: Skip.PayloadMissing() })
    case "Unreadable":
      return ReplayOutcome.Skipped({
        eventId: "?",
        letter: undefined,
        idempotencyKey: undefined,
        skip: Skip.UnreadableLetter({ issue: "no event id" })
      })
    case "SchemaViolation":
      return ReplayOutcome.Rejected({ ...sent, error: error(new SchemaViolation({ status: 400, detail: "no" })) })
    case "NotFound":
      return ReplayOutcome.Rejected({ ...sent, error: error(new NotFound({ detail: "no" })) })
    case "Exhausted": {
      const last = new NetworkFailure({ detail: "reset" })
      return ReplayOutcome.Exhausted({ ...sent, error: error(new MaxRetriesExceeded({ last })) })
    }
  }
}

const tallyOf = (outcomes: typeof Outcomes.Type): ReplayTally => {
  const tally = new ReplayTally()
  for (const drawn of outcomes) tally.add(outcomeOf(drawn))
  return tally
}

/** What a tally holds, whatever the order it was counted in. */
const held = (tally: ReplayTally) => {
  const sorted = (counts: Iterable<readonly [string | number, number]>) =>
    Array.from(counts).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return {
    outcomes: { ...tally.outcomes },
    selected: tally.selected,
    unreadableReceipts: tally.unreadableReceipts,
    byClassification: sorted(tally.byClassification),
    bySkipReason: sorted(tally.bySkipReason),
    byFailureReason: sorted(tally.byFailureReason),
    latencies: sorted(tally.latencies)
  }
}

const sum = (counts: ReadonlyMap<string | number, number>) =>
  Array.from(counts.values()).reduce((total, count) => total + count, 0)

const count = (outcomes: typeof Outcomes.Type, ...kinds: ReadonlyArray<typeof Kind.Type>) =>
  outcomes.filter(({ kind }) => kinds.includes(kind)).length

describe("ReplayTally", () => {
  it.prop("counts every letter once, under its outcome", [Outcomes], ([outcomes]) => {
    const tally = tallyOf(outcomes)
    assert.strictEqual(tally.letters, outcomes.length)
    assert.deepStrictEqual(tally.outcomes, {
      accepted: count(outcomes, "Receipt", "UnreadableReceipt"),
      duplicate: count(outcomes, "Duplicate"),
      skipped: count(outcomes, "NotSelected", "PayloadMissing", "Unreadable"),
      rejected: count(outcomes, "SchemaViolation", "NotFound"),
      exhausted: count(outcomes, "Exhausted")
    })
    assert.strictEqual(tally.unreadableReceipts, count(outcomes, "UnreadableReceipt"))
    assert.strictEqual(tally.selected, outcomes.length - count(outcomes, "NotSelected"))
    assert.strictEqual(sum(tally.byFailureReason), outcomes.length)
    assert.strictEqual(sum(tally.bySkipReason), tally.outcomes.skipped)
    assert.strictEqual(sum(tally.byClassification), tally.letters - tally.outcomes.skipped - tally.outcomes.accepted)
    assert.strictEqual(sum(tally.latencies), tally.letters - tally.outcomes.skipped)
    assert.strictEqual(tally.byClassification.get("DUPLICATE_DETECTED") ?? 0, count(outcomes, "Duplicate"))
    assert.strictEqual(tally.byClassification.get("MAX_RETRIES_EXCEEDED") ?? 0, count(outcomes, "Exhausted"))
    assert.strictEqual(tally.byClassification.get("NOT_FOUND") ?? 0, count(outcomes, "NotFound"))
  })

  it.prop("merging parts gives what counting the whole does, in either order", [Outcomes, Outcomes], ([one, two]) => {
    const whole = held(tallyOf([...one, ...two]))
    const left = tallyOf(one)
    left.merge(tallyOf(two))
    assert.deepStrictEqual(held(left), whole)
    const right = tallyOf(two)
    right.merge(tallyOf(one))
    assert.deepStrictEqual(held(right), whole)
  })

  it.prop("merging nothing changes nothing", [Outcomes], ([outcomes]) => {
    const tally = tallyOf(outcomes)
    tally.merge(new ReplayTally())
    assert.deepStrictEqual(held(tally), held(tallyOf(outcomes)))
  })

  it.prop("comes back from a checkpoint as it was, and counts on", [Outcomes, Outcomes], ([one, two]) => {
    const Text = Schema.fromJsonString(TallySnapshot)
    const text = Schema.encodeSync(Text)(tallyOf(one).snapshot())
    const restored = ReplayTally.restore(Schema.decodeSync(Text)(text))
    assert.deepStrictEqual(held(restored), held(tallyOf(one)))
    for (const drawn of two) restored.add(outcomeOf(drawn))
    assert.deepStrictEqual(held(restored), held(tallyOf([...one, ...two])))
  })

  it("a snapshot is not changed by what is counted after it", () => {
    const tally = tallyOf([{ kind: "Duplicate", reason: "timeout", latency: 1 }])
    const snapshot = tally.snapshot()
    const before = structuredClone(snapshot)
    tally.add(outcomeOf({ kind: "Duplicate", reason: "timeout", latency: 1 }))
    assert.deepStrictEqual(snapshot, before)
  })

  it("counts long reasons by their beginning", () => {
    const tally = new ReplayTally()
    for (const end of ["x", "y"]) {
      const letter = { eventId: "e", topicId: "t", failureReason: `${"r".repeat(20_000)}${end}` }
      tally.add(ReplayOutcome.Skipped({ eventId: "e", letter, idempotencyKey: "k", skip: Skip.NotSelected() }))
    }
    assert.deepStrictEqual([...tally.byFailureReason], [[`${"r".repeat(200)}…`, 2]])
  })

  const manyReasons = (from: number, to: number) => {
    const tally = new ReplayTally()
    for (let index = from; index < to; index++) {
      const letter = { eventId: "e", topicId: "t", failureReason: `reason ${index}` }
      tally.add(ReplayOutcome.Skipped({ eventId: "e", letter, idempotencyKey: "k", skip: Skip.PayloadMissing() }))
    }
    return tally
  }

  it("failure reasons stay bounded, and none is lost", () => {
    const tally = manyReasons(0, 100)
    assert.strictEqual(tally.byFailureReason.size, 100)
    assert.isFalse(tally.byFailureReason.has("(others)"))
    tally.merge(manyReasons(50, 400))
    tally.merge(manyReasons(400, 700))
    assert.strictEqual(tally.byFailureReason.size, 101)
    assert.strictEqual(tally.byFailureReason.get("reason 0"), 1)
    assert.strictEqual(tally.byFailureReason.get("reason 99"), 2)
    assert.strictEqual(tally.byFailureReason.get("(others)"), 600)
    const restored = ReplayTally.restore(tally.snapshot())
    restored.merge(manyReasons(1000, 1010))
    assert.strictEqual(restored.byFailureReason.size, 101)
    assert.strictEqual(restored.byFailureReason.get("(others)"), 610)
  })

  it.prop("a report's counts add up", [Outcomes], ([outcomes]) => {
    const counts = countsOf(tallyOf(outcomes))
    assert.strictEqual(counts.letters, counts.success + counts.failed + counts.skipped)
    assert.strictEqual(counts.failed, count(outcomes, "SchemaViolation", "NotFound", "Exhausted"))
    assert.strictEqual(counts.skipped, count(outcomes, "Duplicate", "NotSelected", "PayloadMissing", "Unreadable"))
    assert.isAtMost(counts.latencyMs.p50, counts.latencyMs.p95)
    assert.isAtMost(counts.latencyMs.p95, counts.latencyMs.p99)
  })
})
