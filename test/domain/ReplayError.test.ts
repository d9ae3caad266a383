import { assert, describe, it } from "@effect/vitest"
import {
  AuditError,
  CheckpointError,
  CheckpointMismatch,
  DestinationForbidden,
  InvalidConfiguration,
  InvalidReplayOptions,
  ReplayHalted
} from "../../src/index.ts"
import { countsOf } from "../../src/domain/ReplayReport.ts"
import { ReplayTally } from "../../src/domain/ReplayTally.ts"

const differences = [
  { option: "pageSize", started: "50", given: "100" },
  { option: "limit", started: "not set", given: "7" }
]

describe("ReplayError", () => {
  it.each([
    [new AuditError({ sink: "audit.jsonl", detail: "disk full" }), "written to audit.jsonl: disk full"],
    [new CheckpointError({ runId: "run-1", detail: "no JSON" }), "run run-1 could not be used: no JSON"],
    [
      new CheckpointMismatch({ runId: "run-1", differences }),
      "started with other options: pageSize was 50, now 100; limit was not set, now 7"
    ],
    [
      new DestinationForbidden({ destination: "http://a.test/", why: "it is not https" }),
      "destination http://a.test/ is refused: it is not https"
    ],
    [new InvalidReplayOptions({ issues: ["limit is 0", "pageSize is -1"] }), "limit is 0; pageSize is -1"],
    [
      new InvalidConfiguration({
        issues: [
          { name: "clientId", issue: "is missing" },
          { name: "topicId", issue: "is ." }
        ]
      }),
      "clientId: is missing\ntopicId: is ."
    ]
  ])("%#: what happened and what to do", (error, message) => {
    assert.include(error.message, message)
    assert.include(String(error), message)
    assert.isAbove(error.hint.length, 20)
  })

  it("a run that halts says where and why, and has the hint of its cause", () => {
    const reason = new AuditError({ sink: "audit.jsonl", detail: "disk full" })
    const report = {
      ...countsOf(new ReplayTally()),
      runId: "run-1",
      topicId: "t",
      status: "halted",
      initiatedAt: "2024-05-11T09:15:22.103Z",
      seconds: 1,
      auditHead: null,
      notifications: { delivered: 0, failed: 0, dropped: 0 },
      stopped: { pages: 0 }
    } as const
    const error = new ReplayHalted({ reason, report })
    assert.strictEqual(error.message, `run run-1 halted after 0 letters: ${reason.message}`)
    assert.strictEqual(error.hint, reason.hint)
  })
})
