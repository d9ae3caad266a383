import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { Fault } from "../../src/emulator/index.ts"
import { Replay } from "../../src/index.ts"
import { keyOf, replays, start } from "./support/ForeignServer.ts"
import {
  addsUp,
  auditRecords,
  driven,
  key,
  keys,
  letters,
  onEmulator,
  onServer,
  once,
  stats,
  topicId
} from "./support/Harness.ts"

const outcomes = driven(Effect.flatMap(Replay, (replay) => Stream.runCollect(replay.stream({ topicId }))))

/** The first request of each letter is taken, and what comes back does not say so. */
const ambiguous: ReadonlyArray<readonly [string, Fault]> = [
  ["the connection is reset", Fault.ResetAfter()],
  ["the answer breaks off", Fault.Truncated()]
]

describe("a 409", () => {
  it.live("on a first try is somebody else's replay: a duplicate, skipped and not failed", () =>
    Effect.gen(function* () {
      let isDown = true
      const doomed = new Set([3, 14].map(key))
      const server = yield* start({
        topicId,
        pages: [letters(20), [], letters(25).slice(20)].map((page) => page.map((entry) => JSON.stringify(entry))),
        answer: (arrival) => (isDown && doomed.has(keyOf(arrival)) ? { status: 503 } : undefined)
      })
      const [first, second, records] = yield* Effect.gen(function* () {
        const replay = yield* Replay
        const before = yield* replay.run({ topicId })
        isDown = false
        return [before, yield* replay.run({ topicId }), yield* auditRecords] as const
      }).pipe(Effect.provide(onServer(server.url, { retry: { baseDelay: "1 millis", maxRetries: 1 } })))

      assert.deepStrictEqual([first.success, first.failed, first.skipped], [23, 2, 0])
      assert.isTrue(addsUp(second))
      assert.deepStrictEqual(
        [second.status, second.success, second.failed, second.skipped, second.outcomes.duplicate],
        ["completed", 2, 0, 23, 23]
      )
      assert.deepStrictEqual(second.byClassification, { DUPLICATE_DETECTED: 23 })
      assert.deepStrictEqual(new Set(server.bodies.keys()), new Set(keys(25)))
      const ofSecond = records.filter(({ run_id, status }) => run_id === second.runId && status !== "SUCCESS")
      assert.strictEqual(ofSecond.length, 23)
      for (const { error_classification, status } of ofSecond) {
        assert.deepStrictEqual([status, error_classification], ["SKIPPED", "DUPLICATE_DETECTED"])
      }
    })
  )

  it.live("after the deadline of the first try is our own doing: accepted", () =>
    Effect.gen(function* () {
      const server = yield* start({
        topicId,
        pages: [letters(4).map((entry) => JSON.stringify(entry))],
        delay: ({ attempt }) => (attempt === 1 ? 300 : 0)
      })
      const report = yield* Effect.flatMap(Replay, (replay) => replay.run({ topicId })).pipe(
        Effect.provide(onServer(server.url, { timeouts: { replay: "100 millis" }, retry: { baseDelay: "400 millis" } }))
      )
      assert.deepStrictEqual(report.outcomes, { accepted: 4, duplicate: 0, skipped: 0, rejected: 0, exhausted: 0 })
      assert.deepStrictEqual(new Set(server.bodies.keys()), new Set(keys(4)))
      assert.strictEqual(replays(server).length, 8)
      assert.strictEqual(server.changed.size, 0)
    })
  )

  it.effect.each(ambiguous)("after %s is our own doing: accepted", ([, fault]) =>
    Effect.gen(function* () {
      const found = yield* outcomes
      assert.strictEqual(found.length, 8)
      for (const outcome of found) {
        assert.strictEqual(outcome._tag, "Accepted")
        assert.strictEqual(outcome._tag === "Accepted" && outcome.confirmedBy, "EarlierTry")
      }
      const seen = yield* stats
      assert.deepStrictEqual(seen.deliveries, once(keys(8)))
      assert.deepStrictEqual(seen.distinctBodies, {})
      assert.isTrue((yield* auditRecords).every(({ status }) => status === "SUCCESS"))
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(8),
          script: ({ attempt, route }) => (route === "replay" && attempt === 1 ? fault : undefined)
        })
      )
    )
  )

  it.effect.each([408, 425, 500, 502, 503, 504])("after %d and its like is our own doing: accepted", (status) =>
    Effect.gen(function* () {
      const [outcome, ...others] = yield* outcomes
      assert.deepStrictEqual(others, [])
      assert.strictEqual(outcome?._tag === "Accepted" && outcome.confirmedBy, "EarlierTry")
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(1),
          script: ({ attempt, route }) =>
            route !== "replay"
              ? undefined
              : attempt === 1
                ? Fault.Answer({ status })
                : Fault.Answer({ status: 409, body: `{"message":"used before"}` })
        })
      )
    )
  )

  it.effect.each([
    ["a rate limit", Fault.Answer({ status: 429 })],
    ["a token that was refused", Fault.Revoke()]
  ] as const)("after %s is not: the first try was never taken", ([, fault]) =>
    Effect.gen(function* () {
      const [outcome] = yield* outcomes
      assert.strictEqual(outcome?._tag, "Duplicate")
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(1),
          script: ({ attempt, route }) =>
            route !== "replay" ? undefined : attempt === 1 ? fault : Fault.Answer({ status: 409 })
        })
      )
    )
  )
})
