import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Fault, FaultPlan } from "../../src/emulator/index.ts"
import { Replay, type ReplayAuditRecord } from "../../src/index.ts"
import {
  addsUp,
  auditRecords,
  count,
  driven,
  key,
  keys,
  letters,
  listRoute,
  onEmulator,
  once,
  putRoute,
  stats,
  sum,
  tokenRoute,
  topicId
} from "./support/Harness.ts"

const statusCounts = (records: ReadonlyArray<ReplayAuditRecord>) => {
  const counts: Record<string, number> = {}
  for (const { status } of records) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

const run = (options: { readonly concurrency?: number; readonly pageSize?: number } = {}) =>
  driven(Effect.flatMap(Replay, (replay) => replay.run({ topicId, ...options })))

describe("all faults mixed", () => {
  it.effect.each([1, 2, 3, 4, 5, 6])("seed %d: nothing lost, nothing accepted twice", (seed) =>
    Effect.gen(function* () {
      const report = yield* run()
      const seen = yield* stats
      const records = yield* auditRecords

      const kinds = ["TooManyRequests", "ServerError", "ResetBefore", "ResetAfter", "Slow", "Truncated", "Malformed"]
      assert.includeMembers(Object.keys(seen.faults), kinds)

      const { failed, skipped, success } = report
      assert.isTrue(addsUp(report))
      assert.deepStrictEqual([report.status, report.letters, failed], ["completed", 400, 0])
      assert.deepStrictEqual(report.outcomes, { accepted: success, duplicate: 0, skipped, rejected: 0, exhausted: 0 })
      assert.isAbove(report.unreadableReceipts, 0)
      assert.isAbove(report.bySkipReason["MAX_ATTEMPTS_REACHED"] ?? 0, 0)
      assert.isAbove(report.bySkipReason["PAYLOAD_TOO_LARGE"] ?? 0, 0)
      assert.strictEqual(sum(report.byFailureReason), 400)

      assert.strictEqual(Object.keys(seen.deliveries).length, success)
      assert.deepStrictEqual(new Set(Object.values(seen.deliveries)), new Set([1]))
      assert.deepStrictEqual(seen.distinctBodies, {})
      assert.strictEqual(seen.retryAfterViolations, 0)
      assert.strictEqual(seen.payloadMismatches, 0)
      // The first, and one for each time all tokens were revoked, each of which may meet a fault of its own.
      const revoked = seen.faults["Revoke"] ?? 0
      const refused = count(seen.requests, tokenRoute) - (seen.requests[tokenRoute]?.["200"] ?? 0)
      assert.isAtMost(seen.requests[tokenRoute]?.["200"] ?? 0, 1 + revoked)
      assert.isAtMost(refused, 10)

      assert.strictEqual(new Set(records.map(({ event_id }) => event_id)).size, 400)
      assert.strictEqual(records.length, 400)
      assert.deepStrictEqual(statusCounts(records), { SUCCESS: success, SKIPPED: skipped })
      const sent = new Set(records.flatMap((record) => (record.status === "SUCCESS" ? [record.idempotency_key] : [])))
      assert.deepStrictEqual(new Set(Object.keys(seen.deliveries)), sent)
    }).pipe(
      Effect.provide(
        onEmulator({
          letters: 400,
          pastRetries: 0.05,
          oversize: 0.01,
          pages: "ragged",
          seed,
          faults: { ...FaultPlan.all, seed }
        })
      )
    )
  )

  it.effect("letters that are given up are counted as failed, and recorded", () => {
    const doomed = new Set([3, 14, 27].map(key))
    return Effect.gen(function* () {
      const report = yield* run()
      assert.isTrue(addsUp(report))
      assert.deepStrictEqual(
        [report.status, report.success, report.failed, report.skipped, report.outcomes.exhausted],
        ["completed", 27, 3, 0, 3]
      )
      assert.deepStrictEqual(report.byClassification, { MAX_RETRIES_EXCEEDED: 3 })
      const records = yield* auditRecords
      const given = records.filter(({ status }) => status === "EXHAUSTED")
      assert.deepStrictEqual(new Set(given.map(({ idempotency_key }) => idempotency_key)), doomed)
      assert.isTrue(given.every(({ error_classification }) => error_classification === "MAX_RETRIES_EXCEEDED"))
      assert.strictEqual(records.length, 30)
      assert.deepStrictEqual(Object.values((yield* stats).attempts), [7, 7, 7])
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(30),
          script: ({ key: name, route }) =>
            route === "replay" && doomed.has(name) ? Fault.ServerError({ status: 500, form: "empty" }) : undefined
        })
      )
    )
  })
})

describe("an outage", () => {
  it.effect.each([
    [1, 8],
    [1, 90],
    [16, 8],
    [64, 8],
    [4, 90],
    [16, 90]
  ] as const)("at concurrency %d of %d s ends no letter as failed", ([concurrency, seconds]) =>
    Effect.gen(function* () {
      const report = yield* run({ concurrency, pageSize: 20 })
      const seen = yield* stats
      assert.deepStrictEqual([report.status, report.success, report.failed, report.skipped], ["completed", 100, 0, 0])
      assert.deepStrictEqual(seen.deliveries, once(keys(100)))
      assert.deepStrictEqual(seen.distinctBodies, {})
      assert.strictEqual((yield* auditRecords).length, 100)
      assert.isAbove(report.seconds, seconds)
      // Waiting, not hammering: while it is down only a probe now and then asks.
      const asked = (seen.faults["ResetBefore"] ?? 0) + (seen.faults["ServerError"] ?? 0)
      assert.isAbove(asked, 0)
      assert.isAtMost(asked, concurrency + 20 + seconds)
      assert.isAtMost(count(seen.requests, listRoute), 5 + 20 + seconds / 5)
      assert.isAtMost(count(seen.requests, putRoute), 100 + concurrency + 20 + seconds)
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(100),
          faults: {
            seed: 1,
            rates: { slow: { rate: 1, duration: Duration.millis(50) } },
            outage: { after: Duration.millis(90), for: Duration.seconds(seconds) }
          }
        })
      )
    )
  )
})

describe("Retry-After", () => {
  it.effect.each(["seconds", "date"] as const)("as %s is waited for, by pages, tokens and letters", (form) =>
    Effect.gen(function* () {
      const report = yield* run()
      const seen = yield* stats
      assert.deepStrictEqual([report.success, report.failed], [60, 0])
      assert.strictEqual(seen.retryAfterViolations, 0)
      assert.strictEqual(seen.requests[putRoute]?.["429"], 60)
      assert.strictEqual(seen.requests[listRoute]?.["429"], 2)
      assert.strictEqual(seen.requests[tokenRoute]?.["429"], 1)
      assert.isAtLeast(report.seconds, 14)
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(60),
          script: ({ attempt }) =>
            attempt === 1 ? Fault.TooManyRequests({ retryAfter: Duration.seconds(7), form }) : undefined
        })
      )
    )
  )
})
