import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer } from "effect"
import { Fault } from "../../src/emulator/index.ts"
import { CheckpointSql, Replay, RunInProgress } from "../../src/index.ts"
import { database } from "../services/support/Database.ts"
import { layerIdentity } from "../services/support/Processes.ts"
import { addsUp, drive, driven, keys, letters, library, once, stats, topicId, world } from "./support/Harness.ts"

const request = { topicId, runId: "night", pageSize: 10, concurrency: 4 }

describe("a run whose checkpoints are in a database", () => {
  it.effect("is resumed in another process wherever it was left: each letter is accepted once", () => {
    let arrived = 0
    const script = ({ route }: { readonly route: string }) => {
      if (route !== "replay") return undefined
      arrived++
      return Fault.Slow({ delay: Duration.millis(50) })
    }
    return Effect.gen(function* () {
      const connect = yield* database
      const processOf = (pid: number) =>
        library().pipe(
          Layer.provide(Layer.fresh(CheckpointSql.layer)),
          Layer.provide(layerIdentity({ pid })),
          Layer.provide(connect)
        )
      const run = Effect.flatMap(Replay, (replay) => replay.run(request))
      const runs = Effect.flatMap(Replay, (replay) => replay.runs)

      for (const [pid, until] of [25, 61].entries()) {
        yield* Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(run)
          yield* drive(fiber, { until: () => arrived >= until })
          const other = yield* Effect.flip(Effect.provide(run, processOf(9)))
          assert.instanceOf(other, RunInProgress)
          assert.strictEqual(other.holder.pid, pid + 1)
          assert.deepInclude((yield* runs)[0], { runId: "night", state: "running" })
          const stopped = yield* Effect.forkChild(Fiber.interrupt(fiber))
          yield* drive(stopped)
          assert.deepInclude((yield* runs)[0], { state: "halted", why: "it was asked to stop" })
        }).pipe(Effect.provide(processOf(pid + 1)))
      }
      yield* Effect.gen(function* () {
        const report = yield* driven(run)
        assert.isTrue(addsUp(report))
        assert.deepStrictEqual([report.status, report.letters, report.success], ["completed", 100, 100])
        assert.deepStrictEqual((yield* stats).deliveries, once(keys(100)))
        assert.deepStrictEqual(yield* run, report)
        const { forget } = yield* Replay
        assert.isTrue(yield* forget("night"))
        assert.deepStrictEqual(yield* runs, [])
      }).pipe(Effect.provide(processOf(3)))
    }).pipe(Effect.provide(world({ queue: letters(100), script })))
  })
})
