import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Fault } from "../../src/emulator/index.ts"
import { Replay } from "../../src/index.ts"
import {
  addsUp,
  auditRecords,
  count,
  driven,
  keys,
  letters,
  library,
  onEmulator,
  once,
  putRoute,
  stats,
  topicId,
  world
} from "./support/Harness.ts"

const request = { topicId, runId: "r", pageSize: 20, concurrency: 4 }
const run = (options: { readonly maxFailureShare?: number } = {}) =>
  driven(Effect.flatMap(Replay, (replay) => replay.run({ ...request, ...options })))
const refused = Fault.Answer({ status: 422, body: `{"message":"no such destination"}` })

describe("a run of which too much fails", () => {
  it.effect("halts, says what to do, and resumes under its id with what was not tried", () => {
    let isRefusing = true
    return Effect.gen(function* () {
      const halted = yield* Effect.flip(run()).pipe(Effect.provide(library()))
      assert.strictEqual(halted._tag, "ReplayHalted")
      if (halted._tag !== "ReplayHalted") return
      const { reason, report } = halted
      assert.strictEqual(reason._tag, "TooManyFailures")
      assert.include(report.stopped.why, "of the last 100 letters sent failed, 100 of them with SCHEMA_VIOLATION")
      assert.include(halted.hint, "run id")
      assert.strictEqual(report.status, "halted")
      assert.isTrue(addsUp(report))
      // Those in flight at the hundredth are final as well, and those that waited to be recorded, or were.
      assert.isAtLeast(report.failed, 100)
      assert.isAtMost(report.failed, 99 + 5 * request.concurrency)
      assert.strictEqual(report.letters, report.failed)
      assert.strictEqual((yield* auditRecords).length, report.failed)
      assert.strictEqual(count((yield* stats).requests, putRoute), report.failed)

      // Counted anew, or it could never do more than halt again; five pages were settled, and stay failed.
      const again = yield* Effect.flip(run()).pipe(Effect.provide(library()))
      assert.strictEqual(again._tag === "ReplayHalted" && again.reason._tag, "TooManyFailures")
      const failed = again._tag === "ReplayHalted" ? again.report.failed : 0
      assert.isAtLeast(failed, 200)

      isRefusing = false
      const completed = yield* run().pipe(Effect.provide(library()))
      assert.strictEqual(completed.status, "completed")
      assert.strictEqual(completed.letters, 400)
      assert.strictEqual(completed.failed, 200)
      assert.strictEqual(completed.success, 200)

      // What failed is there for a new run.
      const rest = yield* driven(Effect.flatMap(Replay, (replay) => replay.run({ topicId }))).pipe(
        Effect.provide(library())
      )
      assert.deepStrictEqual([rest.success, rest.outcomes.duplicate], [200, 200])
      assert.deepStrictEqual((yield* stats).deliveries, once(keys(400)))
    }).pipe(
      Effect.provide(
        world({
          queue: letters(400),
          script: ({ route }) => (route === "replay" && isRefusing ? refused : undefined)
        })
      )
    )
  })

  it.effect.each([
    [0.2, true],
    [0.3, false],
    [1, false]
  ] as const)("is let go on when %d may fail and a quarter does", ([maxFailureShare, halts]) =>
    Effect.gen(function* () {
      const ended = yield* Effect.result(run({ maxFailureShare }))
      assert.strictEqual(ended._tag === "Failure", halts)
      if (ended._tag === "Success") assert.strictEqual(ended.success.failed, 50)
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(200),
          script: ({ key, route }) =>
            route === "replay" && Number(/\d+/.exec(key)?.[0]) % 4 === 0 ? refused : undefined
        })
      )
    )
  )

  it.effect("is refused a share that is none", () =>
    Effect.gen(function* () {
      for (const maxFailureShare of [-0.1, 1.1, Number.NaN]) {
        const error = yield* Effect.flip(run({ maxFailureShare }))
        assert.strictEqual(error._tag, "InvalidReplayOptions")
        assert.include(error.message, `maxFailureShare must be from 0 to 1, not ${maxFailureShare}`)
      }
    }).pipe(Effect.provide(onEmulator({ queue: letters(1) })))
  )
})

it.effect.each<[string, Readonly<Record<string, string>>, number, string, string]>([
  [
    "a longer pause than calls wait for",
    { "retry-after": "3600" },
    1,
    "retry after 1h, more than the 2m this client waits",
    "after the pause"
  ],
  // Seven tries of the usual pauses, then one in ten seconds for five minutes, and what is left of seven.
  ["no end, which nobody gets past", {}, 43, "the service limits the rate (429)", "Lower the concurrency"]
])("a rate limit with %s halts the run, and no letter is used up", ([, headers, tries, why, hint]) => {
  let isLimiting = false
  let replays = 0
  return Effect.gen(function* () {
    const halted = yield* Effect.flip(run()).pipe(Effect.provide(library()))
    assert.strictEqual(halted._tag, "ReplayHalted")
    if (halted._tag !== "ReplayHalted") return
    const { reason, report } = halted
    assert.strictEqual(reason._tag === "EventBridgeError" && reason.reason._tag, "RateLimited")
    assert.include(halted.message, why)
    assert.include(halted.hint, hint)
    assert.isTrue(addsUp(report))
    assert.deepStrictEqual([report.status, report.failed, report.success], ["halted", 0, 30])
    // Those in flight at the same time, and none after them.
    assert.isAtMost((yield* stats).requests[putRoute]?.["429"] ?? 0, tries * request.concurrency)

    isLimiting = false
    const completed = yield* run().pipe(Effect.provide(library()))
    assert.deepStrictEqual([completed.status, completed.success, completed.failed], ["completed", 60, 0])
    assert.deepStrictEqual((yield* stats).deliveries, once(keys(60)))
  }).pipe(
    Effect.provide(
      world({
        queue: letters(60),
        script: ({ route }) => {
          if (route !== "replay") return undefined
          if (replays++ === 30) isLimiting = true
          return isLimiting ? Fault.Answer({ status: 429, headers }) : undefined
        }
      })
    )
  )
})
