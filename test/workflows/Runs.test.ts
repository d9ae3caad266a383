import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Audit, AuditError, LeaseLost, Replay, RunInProgress, type RunRequest, RunStore } from "../../src/index.ts"
import {
  count,
  drive,
  driven,
  keys,
  letters,
  library,
  once,
  onEmulator,
  putRoute,
  slowService,
  stats,
  topicId,
  world
} from "./support/Harness.ts"

const night: RunRequest = { topicId, runId: "night", pageSize: 10, concurrency: 1 }

const run = (request: RunRequest = night) => Effect.flatMap(Replay, (replay) => replay.run(request))
const forget = (runId: string) => Effect.flatMap(Replay, (replay) => replay.forget(runId))
const runs = Effect.flatMap(Replay, (replay) => replay.runs)

const start = "2024-05-11T09:15:22.103Z"

describe("the runs of a store", () => {
  it.effect("are listed while they are in progress, and once they are complete", () => {
    const service = slowService()
    return Effect.gen(function* () {
      yield* TestClock.setTime(Date.parse(start))
      assert.deepStrictEqual(yield* runs, [])
      const fiber = yield* Effect.forkChild(run())
      yield* drive(fiber, { until: () => service.arrived >= 30 })
      const [running, ...others] = yield* runs
      assert.deepStrictEqual(others, [])
      if (running?.state !== "running") return assert.fail(`it is ${running?.state}`)
      assert.deepInclude(running, { runId: "night", topicId, startedAt: start, why: null })
      assert.strictEqual(running.letters, 20)
      assert.strictEqual(running.success, 20)
      assert.isNotNull(running.holder)
      const settledAt = Date.parse(running.lastSettledAt ?? "")
      assert.isTrue(settledAt > Date.parse(start) && settledAt < Date.parse(start) + 10_000)
      yield* drive(fiber)
      yield* Fiber.join(fiber)
      const [complete] = yield* runs
      assert.deepInclude(complete, {
        state: "completed",
        letters: 40,
        success: 40,
        failed: 0,
        skipped: 0,
        holder: null
      })
    }).pipe(Effect.provide(onEmulator(service.options)))
  })

  it.effect("one that halted is listed with the reason, and can be resumed", () =>
    Effect.gen(function* () {
      let isFull = true
      const audit = Layer.effect(
        Audit,
        Effect.map(Audit, ({ head, record }) => ({
          head,
          record: (added) =>
            isFull && added.some((one) => "event_id" in one && one.event_id === "evt_15")
              ? Effect.fail(new AuditError({ sink: "audit.jsonl", detail: "no space left" }))
              : record(added)
        }))
      )
      yield* Effect.gen(function* () {
        const error = yield* Effect.flip(driven(run()))
        assert.strictEqual(error._tag, "ReplayHalted")
        const [halted] = yield* runs
        assert.deepInclude(halted, {
          state: "halted",
          letters: 10,
          why: "the audit record could not be written to audit.jsonl: no space left"
        })
        isFull = false
        yield* driven(run())
        assert.deepInclude((yield* runs)[0], { state: "completed", letters: 40, why: null })
      }).pipe(Effect.provide(Layer.provide(library(), audit)))
    }).pipe(Effect.provide(world({ queue: letters(40) })))
  )

  it.effect("one that never read a page is not listed", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(run()))._tag, "EventBridgeError")
      assert.deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(onEmulator({ scopes: [] })))
  )

  it.effect("one that was forgotten can be started anew: what was delivered is then a duplicate", () =>
    Effect.gen(function* () {
      yield* driven(run())
      assert.isFalse(yield* forget("day"))
      assert.isTrue(yield* forget("night"))
      assert.isFalse(yield* forget("night"))
      assert.deepStrictEqual(yield* runs, [])
      const report = yield* driven(run())
      assert.deepStrictEqual([report.success, report.skipped, report.outcomes.duplicate], [0, 40, 40])
      assert.deepStrictEqual((yield* stats).deliveries, once(keys(40)))
    }).pipe(Effect.provide(onEmulator({ queue: letters(40) })))
  )
})

describe("a run that is in progress", () => {
  it.effect("cannot be started, nor forgotten; when it has ended it can", () => {
    const service = slowService()
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(run())
      yield* drive(fiber, { until: () => service.arrived >= 12 })
      const before = (yield* stats).requests
      const refusals = [
        yield* Effect.flip(run()),
        yield* Effect.flip(run({ ...night, pageSize: 7 })),
        yield* Effect.flip(forget("night"))
      ]
      for (const error of refusals) {
        assert.instanceOf(error, RunInProgress)
        assert.match(error.message, /^run night is in progress in this or another process, since 1970-/)
      }
      assert.deepStrictEqual((yield* stats).requests, before)
      yield* drive(fiber)
      const report = yield* Fiber.join(fiber)
      assert.strictEqual(report.success, 40)
      assert.deepStrictEqual(yield* run(), report)
      assert.isTrue(yield* forget("night"))
    }).pipe(Effect.provide(onEmulator(service.options)))
  })

  it.effect("in one process does not keep another run off", () =>
    Effect.gen(function* () {
      const both = Effect.all([run(), run({ ...night, runId: "day" })], { concurrency: 2 })
      const [one, other] = yield* driven(both)
      assert.strictEqual(one.success + other.success, 40)
      assert.lengthOf(yield* runs, 2)
    }).pipe(Effect.provide(onEmulator({ queue: letters(40) })))
  )

  it.effect("and whose lease is lost halts, and leaves the checkpoint to the process that has it now", () => {
    const service = slowService()
    return Effect.gen(function* () {
      const lost = yield* Deferred.make<never, LeaseLost>()
      const leases = Layer.effect(
        RunStore,
        Effect.map(RunStore.makeMemory, (memory) => ({
          ...memory,
          acquire: (runId: string) =>
            Effect.as(memory.acquire(runId), {
              lost: Deferred.await(lost),
              check: Effect.suspend(() => (Deferred.isDoneUnsafe(lost) ? Deferred.await(lost) : Effect.void)),
              discard: Effect.void
            })
        }))
      )
      const values = yield* KeyValueStore.KeyValueStore
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.result(run()))
        yield* drive(fiber, { until: () => service.arrived >= 25 })
        const resource = "replay-run%3Anight.lease"
        yield* Deferred.fail(lost, new LeaseLost({ resource, detail: "another process has taken it" }))
        yield* values.set("replay-run:night", "the other's")
        const before = count((yield* stats).requests, putRoute)
        yield* drive(fiber)
        const result = yield* Fiber.join(fiber)
        if (result._tag !== "Failure" || result.failure._tag !== "ReplayHalted") return assert.fail("it did not halt")
        assert.match(
          result.failure.message,
          /^run night halted after 2[45] letters: the lease on run night was lost: another process has taken it$/
        )
        // The letter that was on its way has come to its end, and no other was sent.
        assert.isAtMost(count((yield* stats).requests, putRoute) - before, 1)
        assert.strictEqual(yield* values.get("replay-run:night"), "the other's")
      }).pipe(Effect.provide(Layer.provide(library(), leases)))
    }).pipe(Effect.provide(world(service.options)))
  })
})
