import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Metric, Scheduler, Stream } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Fault, type FaultScript } from "../../src/emulator/index.ts"
import { Audit, AuditError, Metrics, Replay, ReplayHalted, type RunRequest } from "../../src/index.ts"
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
  storeWriting,
  topicId,
  world
} from "./support/Harness.ts"

const night: RunRequest = { topicId, runId: "night", pageSize: 10, concurrency: 4 }

const starting = (request: RunRequest = night) => Effect.flatMap(Replay, (replay) => replay.start(request))
const runs = Effect.flatMap(Replay, (replay) => replay.runs)

/** The library with an audit that does something else with some of its records. */
const withAudit = (instead: (eventId: string) => Effect.Effect<void, AuditError> | undefined) =>
  Layer.provide(
    library(),
    Layer.effect(
      Audit,
      Effect.map(Audit, ({ head, record }) =>
        Audit.of({
          head,
          record: (added) => {
            const others = added.map((one) => ("event_id" in one ? instead(one.event_id) : undefined))
            return others.find((one) => one !== undefined) ?? record(added)
          }
        })
      )
    )
  )

const forbidden = Fault.Answer({ status: 403 })

const apart = Effect.provideService(Metric.MetricRegistry, new Map())

describe("a run whose scope stays open", () => {
  it.effect("is no longer held once it has ended, or could not go on", () => {
    const service = slowService()
    return Effect.gen(function* () {
      const first = yield* starting()
      const fiber = yield* Effect.forkChild(Effect.result(Stream.runDrain(first.outcomes)))
      yield* drive(fiber, { until: () => service.arrived >= 12 })
      assert.strictEqual((yield* runs)[0]?.state, "running")
      yield* first.stop
      yield* drive(fiber)
      assert.strictEqual((yield* runs)[0]?.state, "halted")
      assert.strictEqual((yield* first.report).status, "halted")

      const mismatch = yield* Effect.flip(starting({ ...night, pageSize: 7 }))
      assert.strictEqual(mismatch._tag, "CheckpointMismatch")

      const second = yield* starting()
      yield* driven(Stream.runDrain(second.outcomes))
      assert.deepInclude(yield* second.report, { status: "completed", success: 40 })
      assert.deepStrictEqual((yield* stats).deliveries, once(keys(40)))
    }).pipe(Effect.scoped, Effect.provide(onEmulator(service.options)))
  })

  it.effect("is not held either when it could not start at all", () =>
    Effect.gen(function* () {
      const first = yield* Effect.flip(starting())
      assert.strictEqual(first._tag, "EventBridgeError")
      assert.deepStrictEqual(yield* Effect.flip(starting()), first)
    }).pipe(Effect.scoped, Effect.provide(onEmulator({ scopes: ["eventbridge:read"] })))
  )
})

it.effect.each<[string, FaultScript]>([
  ["no page can be read", ({ route }) => (route === "list" ? forbidden : undefined)],
  ["a later page cannot be read", ({ key, route }) => (route === "list" && key !== "" ? forbidden : undefined)],
  ["too many letters are refused", ({ route }) => (route === "replay" ? forbidden : undefined)]
])("a run that fails since %s is not told of in the log as well", ([, script]) => {
  const logged: Array<unknown> = []
  return Effect.gen(function* () {
    const { run, stream } = yield* Replay
    for (const effect of [run(night), Stream.runDrain(stream({ ...night, runId: "day" }))]) {
      assert.include(["EventBridgeError", "ReplayHalted"], (yield* driven(Effect.flip(effect)))._tag)
    }
    assert.deepStrictEqual(logged, [])
  }).pipe(
    Effect.provide(onEmulator({ queue: letters(400), script })),
    Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(message))]))
  )
})

describe("outcomes", () => {
  it.effect("that are pulled only when the scope of their run has closed halt, and nothing is sent", () =>
    Effect.gen(function* () {
      const run = yield* Effect.scoped(starting())
      assert.deepInclude(yield* run.report, { status: "halted", letters: 0 })
      const error = yield* Effect.flip(driven(Stream.runDrain(run.outcomes)))
      assert.instanceOf(error, ReplayHalted)
      assert.strictEqual(error.reason._tag, "RunStopped")
      assert.deepStrictEqual((yield* stats).deliveries, {})
      assert.deepStrictEqual(yield* runs, [])
    }).pipe(Effect.provide(onEmulator({ queue: letters(40) })))
  )

  it.effect("that are pulled by several at once are those of one run, in whatever turns they pull", () =>
    Effect.gen(function* () {
      for (let turns = 3; turns <= 12; turns++) {
        const { outcomes, report } = yield* starting({ ...night, runId: `turns-${turns}` })
        const pulling = Effect.exit(Stream.runCount(outcomes))
        const both = Effect.all([pulling, pulling], { concurrency: 2 })
        yield* driven(Effect.provideService(both, Scheduler.MaxOpsBeforeYield, turns))
        assert.deepInclude(yield* report, { status: "completed", letters: 4 })
      }
      const { deliveries, requests } = yield* stats
      assert.deepStrictEqual(deliveries, once(keys(4)))
      assert.strictEqual(count(requests, putRoute), 4 * 10)
    }).pipe(Effect.scoped, Effect.provide(onEmulator({ queue: letters(4) })))
  )
})

describe("a run that cannot go on", () => {
  it.effect("as its audit fails leaves no letter in flight", () =>
    Effect.gen(function* () {
      const full = new AuditError({ sink: "audit.jsonl", detail: "no space left" })
      yield* driven(Effect.flip(Effect.flatMap(Replay, (replay) => replay.run(night)))).pipe(
        Effect.provide(withAudit((eventId) => (eventId === "evt_15" ? Effect.fail(full) : undefined)))
      )
      const inFlight = (yield* Metrics.snapshot).flatMap((one) =>
        one.name === "cxone_eventbridge_letters_in_flight" && one.type === "gauge" ? one.value : []
      )
      assert.deepStrictEqual(inFlight, [0])
    }).pipe(Effect.provide(world({ queue: letters(40) })), apart)
  )

  it.effect("because of a defect fails with it, and its report says that it has ended", () => {
    const logged: Array<unknown> = []
    return Effect.gen(function* () {
      const { outcomes, report } = yield* starting()
      const exit = yield* driven(Effect.exit(Stream.runDrain(outcomes)))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === "torn")
      const { status, stopped } = yield* report
      assert.strictEqual(status, "halted")
      assert.strictEqual(stopped.why, "it was ended by a defect, which is in the failure of its outcomes")
      assert.deepStrictEqual(logged, [])
    }).pipe(
      Effect.scoped,
      Effect.provide(withAudit((eventId) => (eventId === "evt_15" ? Effect.die("torn") : undefined))),
      Effect.provide(world({ queue: letters(40) })),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(message))]))
    )
  })
})

describe("a run whose end could not be kept", () => {
  it.effect("has halted for that, as what is kept of it says, and is complete once it is resumed", () =>
    Effect.gen(function* () {
      let failures = 0
      const store = storeWriting((write, value) =>
        value.includes('"status":"completed"') && failures++ === 0
          ? Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "set", message: "out of reach" }))
          : write
      )
      yield* Effect.gen(function* () {
        const replay = yield* Replay
        const { message } = yield* driven(Effect.flip(replay.run(night)))
        assert.include(message, "out of reach")
        const [halted] = yield* runs
        assert.deepInclude(halted, { state: "halted", letters: 40 })
        assert.include(halted?.why, "out of reach")
        assert.deepInclude(yield* driven(replay.run(night)), { status: "completed", success: 40 })
        assert.deepInclude((yield* runs)[0], { state: "completed", why: null })
      }).pipe(Effect.provide(Layer.provide(library(), store)))
      assert.deepStrictEqual((yield* stats).deliveries, once(keys(40)))
    }).pipe(Effect.provide(world({ queue: letters(40) })))
  )
})

describe("a run that is stopped while its end is being kept", () => {
  it.effect("is complete, as what is kept of it says", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const store = storeWriting((write, value) =>
        value.includes('"status":"completed"')
          ? Effect.andThen(Deferred.succeed(reached, undefined), Effect.delay(write, "500 millis"))
          : write
      )
      yield* Effect.gen(function* () {
        const { outcomes, report, stop } = yield* starting()
        const fiber = yield* Effect.forkChild(Stream.runDrain(outcomes))
        yield* drive(fiber, { until: () => Deferred.isDoneUnsafe(reached) })
        yield* stop
        yield* drive(fiber)
        yield* Fiber.join(fiber)
        assert.deepInclude(yield* report, { status: "completed", success: 40 })
        assert.strictEqual((yield* runs)[0]?.state, "completed")
      }).pipe(Effect.scoped, Effect.provide(Layer.provide(library(), store)))
    }).pipe(Effect.provide(world({ queue: letters(40) })))
  )
})
