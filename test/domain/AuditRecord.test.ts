import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { fromOutcome } from "../../src/domain/AuditRecord.ts"
import {
  type DeadLetter,
  EventBridgeError,
  MaxRetriesExceeded,
  ReplayAuditRecord,
  ReplayOutcome,
  SchemaViolation,
  ServerTransient,
  Skip
} from "../../src/index.ts"

const letter: DeadLetter = { eventId: "evt_1", topicId: "topic_of_the_letter", payload: 1 }
const sent = { eventId: "evt_1", letter, idempotencyKey: "replay-evt_1-v1", latencyMillis: 12.6 }
const receipt = { eventId: "evt_1", status: "queued" }
const options = {
  runId: "run-1",
  topicId: "topic_of_the_run",
  destination: undefined,
  timestamp: "2024-05-11T09:15:22Z"
}
const error = (reason: EventBridgeError["reason"]) =>
  new EventBridgeError({ operation: "ReplayEvent", reason, tries: 1, ambiguous: false })

const expected = {
  event_id: "evt_1",
  action: "REPLAY_PUT",
  status: "SUCCESS",
  error_classification: null,
  latency_ms: 13,
  timestamp: "2024-05-11T09:15:22Z",
  idempotency_key: "replay-evt_1-v1",
  destination: "topic_of_the_letter",
  run_id: "run-1"
}

const final = error(new SchemaViolation({ status: 422, detail: "no" }))
const exhausted = error(new MaxRetriesExceeded({ last: new ServerTransient({ status: 503, detail: "down" }) }))

const cases: ReadonlyArray<readonly [ReplayOutcome, object]> = [
  [ReplayOutcome.Accepted({ ...sent, receipt, confirmedBy: "Receipt" }), expected],
  [
    ReplayOutcome.Accepted({ ...sent, receipt: undefined, confirmedBy: "UnreadableReceipt" }),
    { ...expected, detail: "accepted; the receipt could not be read" }
  ],
  [
    ReplayOutcome.Accepted({ ...sent, receipt: undefined, confirmedBy: "EarlierTry" }),
    { ...expected, detail: "accepted; an earlier try had arrived" }
  ],
  [
    ReplayOutcome.Accepted({ ...sent, receipt: undefined, confirmedBy: "EarlierRun" }),
    { ...expected, detail: "accepted; resumed, an earlier process of this run had sent it" }
  ],
  [
    ReplayOutcome.Duplicate(sent),
    {
      ...expected,
      status: "SKIPPED",
      error_classification: "DUPLICATE_DETECTED",
      detail: "replayed before: by somebody else, or as another entry with the same id"
    }
  ],
  [
    ReplayOutcome.Skipped({
      eventId: "evt_1",
      letter,
      idempotencyKey: "replay-evt_1-v6",
      skip: Skip.MaxAttemptsReached({ attempt: 6, maxAttempts: 5 })
    }),
    {
      ...expected,
      status: "SKIPPED",
      error_classification: "MAX_ATTEMPTS_REACHED",
      latency_ms: 0,
      idempotency_key: "replay-evt_1-v6",
      detail: "attempt 6 of at most 5"
    }
  ],
  [
    ReplayOutcome.Skipped({
      eventId: "(unreadable)",
      letter: undefined,
      idempotencyKey: undefined,
      skip: Skip.UnreadableLetter({ issue: "no event id" })
    }),
    {
      ...expected,
      event_id: "(unreadable)",
      status: "SKIPPED",
      error_classification: "UNREADABLE_LETTER",
      latency_ms: 0,
      idempotency_key: null,
      destination: "topic_of_the_run",
      detail: "not a dead letter: no event id"
    }
  ],
  [
    ReplayOutcome.Rejected({ ...sent, error: final }),
    { ...expected, status: "FAILED", error_classification: "SCHEMA_VIOLATION", detail: final.message }
  ],
  [
    ReplayOutcome.Exhausted({ ...sent, error: exhausted }),
    { ...expected, status: "EXHAUSTED", error_classification: "MAX_RETRIES_EXCEEDED", detail: exhausted.message }
  ]
]

describe("AuditRecord", () => {
  it.each(cases)("%#: %j", (outcome, record) => {
    assert.deepStrictEqual(fromOutcome(outcome, options), record)
  })

  it("names the override if there is one", () => {
    for (const [outcome] of cases) {
      const record = fromOutcome(outcome, { ...options, destination: "https://hooks.example.com/" })
      assert.strictEqual(record.destination, "https://hooks.example.com/")
    }
  })

  it("survives a round trip through JSON", () => {
    const decode = Schema.decodeUnknownSync(Schema.fromJsonString(ReplayAuditRecord))
    for (const [outcome, record] of cases) {
      assert.deepStrictEqual(decode(JSON.stringify(fromOutcome(outcome, options))), record)
    }
  })
})
