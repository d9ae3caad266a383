import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Logger, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type EmulatorOptions, Fault } from "../../src/emulator/index.ts"
import { Audit, AuditError, DeadLetterQueue, Replay, ReplayHalted, type RunRequest } from "../../src/index.ts"
import {
  addsUp,
  auditRecords,
  count,
  drive,
  driven,
  key,
  keys,
  kill,
  letters,
  library,
  listRoute,
  mortal,
  once,
  putRoute,
  settle,
  stats,
  steps,
  topicId,
  world
} from "./support/Harness.ts"

const request = { topicId, runId: "r", pageSize: 10, concurrency: 4 }

/** A service whose answers take this long; requests are counted as they arrive. */
const slow = (millis: number, options: EmulatorOptions = {}) => {
  const arrivals: Array<string> = []
  return {
    arrivals,
    layer: world({
      queue: letters(40),
      ...options,
      script: (asked) => {
        if (asked.route !== "replay") return options.script?.(asked)
        arrivals.push(asked.key)
        return options.script?.(asked) ?? Fault.Slow({ delay: Duration.millis(millis) })
      }
    })
  }
}

const start = (asked: RunRequest = request) => Effect.flatMap(Replay, (replay) => replay.start(asked))

const assertStopped = (halted: ReplayHalted) => {
  assert.strictEqual(halted.reason._tag, "RunStopped")
  assert.include(halted.message, "asked to stop")
  assert.include(halted.hint, "same run id")
  assert.strictEqual(halted.report.status, "halted")
  assert.strictEqual(halted.report.stopped.why, halted.reason.message)
  assert.isTrue(addsUp(halted.report))
  assert.strictEqual(halted.report.failed, 0)
}

const haltOf = (result: Result.Result<unknown, unknown>): ReplayHalted =>
  Result.isFailure(result) && result.failure instanceof ReplayHalted ? result.failure : assert.fail("it did not halt")

/** Goes on under the same id: the rest is sent, nothing twice; what the first process settled is not sent again. */
const goesOn = Effect.fnUntraced(function* (size: number, sentBefore: number) {
  const before = yield* stats
  const report = yield* driven(Effect.flatMap(Replay, (replay) => replay.run(request))).pipe(Effect.provide(library()))
  const after = yield* stats
  assert.deepStrictEqual([report.status, report.letters, report.success], ["completed", size, size])
  assert.deepStrictEqual(after.deliveries, once(keys(size)))
  assert.deepStrictEqual(after.distinctBodies, {})
  assert.isAtMost(
    count(after.requests, putRoute) - count(before.requests, putRoute),
    size - Math.floor(sentBefore / request.pageSize) * request.pageSize
  )
  return report
})

describe("a run that is stopped", () => {
  it.effect("takes no further letter, lets those in flight finish, and can be resumed", () => {
    const { arrivals, layer } = slow(3000)
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const run = yield* start()
        const fiber = yield* Effect.forkChild(Effect.result(Stream.runCollect(run.outcomes)))
        yield* drive(fiber, { until: () => arrivals.length >= 14 })
        const stoppedAt = yield* Clock.currentTimeMillis
        yield* run.stop
        const sent = arrivals.length
        yield* settle
        assert.strictEqual(fiber.pollUnsafe(), undefined)
        yield* drive(fiber)
        // As long as the letters took, and not the ten seconds they had.
        assert.isAtMost((yield* Clock.currentTimeMillis) - stoppedAt, 3100)
        const halted = haltOf(yield* Fiber.join(fiber))
        assertStopped(halted)
        assert.strictEqual(arrivals.length, sent)
        assert.strictEqual(halted.report.letters, sent)
        assert.strictEqual((yield* auditRecords).length, sent)
        assert.deepStrictEqual(yield* run.report, halted.report)
        yield* run.stop
        assert.deepStrictEqual(yield* run.report, halted.report)
      }).pipe(Effect.scoped, Effect.provide(library()))
      yield* goesOn(40, 14)
    }).pipe(Effect.provide(layer))
  })

  it.effect("by the interruption of its fiber does the same before the interruption completes", () => {
    const { arrivals, layer } = slow(3000)
    const logged: Array<unknown> = []
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.flatMap(Replay, (replay) => replay.run(request)))
        yield* drive(fiber, { until: () => arrivals.length >= 14 })
        const sent = arrivals.length
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* settle
        assert.strictEqual(interrupting.pollUnsafe(), undefined)
        yield* drive(interrupting)
        assert.strictEqual(arrivals.length, sent)
        assert.strictEqual(Object.keys((yield* stats).deliveries).length, sent)
        assert.strictEqual((yield* auditRecords).length, sent)
        assert.isTrue(logged.some((message) => String(message).includes(`halted after ${sent} letters`)))
      }).pipe(
        Effect.provide(library()),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(message))]))
      )
      yield* goesOn(40, 14)
    }).pipe(Effect.provide(layer))
  })

  it.effect("cuts off what is still in flight when the time for it is over: not failed, and sent again", () => {
    const { arrivals, layer } = slow(18_000)
    return Effect.gen(function* () {
      const { seconds } = yield* Effect.gen(function* () {
        const run = yield* start({ ...request, gracePeriod: "7 seconds" })
        const fiber = yield* Effect.forkChild(Effect.result(Stream.runCollect(run.outcomes)))
        yield* drive(fiber, { until: () => arrivals.length === 8 })
        const before = yield* run.report
        const stoppedAt = yield* Clock.currentTimeMillis
        yield* run.stop
        yield* drive(fiber)
        assert.isAtLeast((yield* Clock.currentTimeMillis) - stoppedAt, 7000)
        assert.isAtMost((yield* Clock.currentTimeMillis) - stoppedAt, 7100)
        const halted = haltOf(yield* Fiber.join(fiber))
        assertStopped(halted)
        assert.strictEqual(halted.report.letters, 4)
        assert.strictEqual(before.letters, 4)
        assert.strictEqual((yield* auditRecords).length, 4)
        return halted.report
      }).pipe(Effect.scoped, Effect.provide(library()))
      // The time it took to stop is kept as well: 18 s for each round of four, and the seven seconds.
      assert.isAtLeast((yield* goesOn(40, 4)).seconds, seconds + 18 * 10)
    }).pipe(Effect.provide(layer))
  })

  it.effect("at its first letters, before its first page, or before it is pulled", () => {
    let isListing = false
    const { arrivals, layer } = slow(100, {
      script: ({ route }) => {
        if (route !== "list") return undefined
        isListing = true
        return Fault.Slow({ delay: Duration.seconds(14) })
      }
    })
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const run = yield* start()
        yield* run.stop
        assertStopped(haltOf(yield* Effect.result(driven(Stream.runDrain(run.outcomes)))))
        assert.isFalse(isListing)
      }).pipe(Effect.scoped, Effect.provide(library()))
      yield* Effect.gen(function* () {
        const run = yield* start()
        const fiber = yield* Effect.forkChild(Effect.result(Stream.runDrain(run.outcomes)))
        yield* drive(fiber, { until: () => isListing })
        yield* run.stop
        yield* settle
        // Nothing is in flight but a page nobody needs any more.
        assertStopped(haltOf(yield* Fiber.join(fiber)))
      }).pipe(Effect.scoped, Effect.provide(library()))
      assert.strictEqual(arrivals.length, 0)
      yield* goesOn(40, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("with nothing left to do is completed", () => {
    const { arrivals, layer } = slow(500, { queue: letters(20) })
    return Effect.gen(function* () {
      const run = yield* start()
      const fiber = yield* Effect.forkChild(Stream.runCollect(run.outcomes))
      yield* drive(fiber, { until: () => arrivals.length === 20 })
      yield* run.stop
      yield* drive(fiber)
      assert.strictEqual((yield* Fiber.join(fiber)).length, 20)
      const report = yield* run.report
      assert.deepStrictEqual([report.status, report.success], ["completed", 20])
      const requests = count((yield* stats).requests, putRoute)
      const again = yield* start()
      yield* again.stop
      assert.deepStrictEqual(yield* again.report, report)
      assert.strictEqual(count((yield* stats).requests, putRoute), requests)
    }).pipe(Effect.scoped, Effect.provide(library()), Effect.provide(layer))
  })

  it.effect("with nothing left to do before its limit is completed, although the queue goes on", () => {
    const { arrivals, layer } = slow(500, { queue: letters(20) })
    return Effect.gen(function* () {
      const replay = yield* Replay
      const run = yield* replay.start({ topicId, limit: 4, pageSize: 3 })
      const fiber = yield* Effect.forkChild(Stream.runCollect(run.outcomes))
      yield* drive(fiber, { until: () => arrivals.length === 4 })
      yield* run.stop
      yield* drive(fiber)
      assert.strictEqual((yield* Fiber.join(fiber)).length, 4)
      const { letters: read, status } = yield* run.report
      assert.deepStrictEqual([status, read], ["completed", 4])
    }).pipe(Effect.scoped, Effect.provide(library()), Effect.provide(layer))
  })

  it.effect("while it waits for a service that is down does not wait on, and counts no letter as failed", () => {
    const trouble = { isOver: false }
    const { arrivals, layer } = slow(50, {
      script: () => (arrivals.length > 8 && !trouble.isOver ? Fault.ResetBefore() : undefined)
    })
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const run = yield* start()
        const fiber = yield* Effect.forkChild(Effect.result(Stream.runDrain(run.outcomes)))
        yield* drive(fiber, { until: () => arrivals.length > 8 })
        yield* Effect.forEach(Array.from({ length: 100 }), () => TestClock.adjust("1 second"), { discard: true })
        const before = yield* run.report
        assert.strictEqual(before.letters, 8)
        yield* run.stop
        const stoppedAt = yield* Clock.currentTimeMillis
        yield* drive(fiber)
        assert.isAtMost((yield* Clock.currentTimeMillis) - stoppedAt, 10_100)
        const halted = haltOf(yield* Fiber.join(fiber))
        assertStopped(halted)
        assert.strictEqual(halted.report.letters, 8)
      }).pipe(Effect.scoped, Effect.provide(library()))
      trouble.isOver = true
      yield* goesOn(40, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("reports an audit that fails meanwhile, which needs attention", () => {
    const { arrivals, layer } = slow(1000)
    const torn = Layer.succeed(Audit, {
      record: () => Effect.fail(new AuditError({ sink: "tape", detail: "torn" })),
      head: Effect.undefined
    })
    return Effect.gen(function* () {
      const run = yield* start()
      const fiber = yield* Effect.forkChild(Effect.result(Stream.runDrain(run.outcomes)))
      yield* drive(fiber, { until: () => arrivals.length === 4 })
      yield* run.stop
      yield* drive(fiber)
      assert.strictEqual(haltOf(yield* Fiber.join(fiber)).reason._tag, "AuditError")
    }).pipe(Effect.scoped, Effect.provide(library()), Effect.provide(torn), Effect.provide(layer))
  })
})

describe("whoever pulls the outcomes", () => {
  it.effect("and has seen enough stops the run: what is in flight is recorded all the same", () => {
    const { arrivals, layer } = slow(400)
    return Effect.gen(function* () {
      const taken = yield* driven(
        Effect.flatMap(Replay, (replay) => Stream.runCollect(Stream.take(replay.stream(request), 5)))
      ).pipe(Effect.provide(library()))
      assert.strictEqual(taken.length, 5)
      const sent = arrivals.length
      assert.isBelow(sent, 20)
      assert.strictEqual((yield* auditRecords).length, sent)
      yield* settle
      assert.strictEqual(arrivals.length, sent)
      yield* goesOn(40, sent)
    }).pipe(Effect.provide(layer))
  })

  it.effect("and does not keep up slows the letters down, and can stop them", () => {
    const { arrivals, layer } = slow(10)
    return Effect.gen(function* () {
      const run = yield* start()
      const fiber = yield* Effect.forkChild(Effect.result(Stream.runForEach(run.outcomes, () => Effect.never)))
      yield* drive(fiber, { until: steps(100) })
      const { length } = arrivals
      // One is being looked at; behind it, in multiples of what is sent at once: 1 to be told, 2 recorded, 2 that wait for
      // that, and 1 with the workers.
      assert.isAtMost(length, 1 + 6 * request.concurrency)
      const stoppedAt = yield* Clock.currentTimeMillis
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* drive(fiber)
      assert.isAtMost((yield* Clock.currentTimeMillis) - stoppedAt, 100)
      assert.strictEqual(arrivals.length, length)
      assert.strictEqual((yield* auditRecords).length, length)
      assert.strictEqual((yield* run.report).letters, length)
      assert.strictEqual((yield* run.report).status, "halted")
      // Pulled once more, what was not told is told, and how it ended.
      assertStopped(haltOf(yield* Effect.result(Stream.runDrain(run.outcomes))))
      yield* goesOn(40, 0)
    }).pipe(Effect.scoped, Effect.provide(library()), Effect.provide(layer))
  })
})

describe("letters that were on their way", () => {
  it.effect(
    "when a run was stopped, and that others replayed before it is resumed, are duplicates if it had not sent them",
    () => {
      const { arrivals, layer } = slow(100, { queue: letters(200) })
      return Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const run = yield* start()
          const fiber = yield* Effect.forkChild(Effect.result(Stream.runDrain(run.outcomes)))
          yield* drive(fiber, { until: () => arrivals.length >= 18 })
          yield* run.stop
          yield* drive(fiber)
          assertStopped(haltOf(yield* Fiber.join(fiber)))
        }).pipe(Effect.scoped, Effect.provide(library()))
        const sent = arrivals.length
        const others = yield* driven(Effect.flatMap(Replay, (replay) => replay.run({ topicId }))).pipe(
          Effect.provide(library())
        )
        assert.deepStrictEqual([others.outcomes.accepted, others.outcomes.duplicate], [200 - sent, sent])
        const report = yield* driven(Effect.flatMap(Replay, (replay) => replay.run(request))).pipe(
          Effect.provide(library())
        )
        assert.deepStrictEqual([report.outcomes.accepted, report.outcomes.duplicate], [sent, 200 - sent])
      }).pipe(Effect.provide(layer))
    }
  )
})

describe("letters that were in flight when a process was killed", () => {
  it.effect("are recognized however the service cuts its pages then; others' replays are still duplicates", () => {
    const { arrivals, layer } = slow(100, {
      queue: letters(100),
      // The first letter holds back the checkpoint, and nothing else.
      script: ({ attempt, key: name, route }) =>
        route === "replay" && name === key(0) && attempt === 1 ? Fault.Slow({ delay: Duration.seconds(19) }) : undefined
    })
    const life = { isOver: false }
    const recut = (pageSize: number) =>
      Layer.fresh(Replay.layer).pipe(
        Layer.provide(
          Layer.effect(
            DeadLetterQueue,
            Effect.map(DeadLetterQueue, (queue) =>
              DeadLetterQueue.of({ ...queue, pages: (options) => queue.pages({ ...options, pageSize }) })
            )
          )
        ),
        Layer.provideMerge(library())
      )
    return Effect.gen(function* () {
      const others = { topicId, select: ({ eventId }: { readonly eventId: string }) => /_9[789]$/.test(eventId) }
      yield* driven(Effect.flatMap(Replay, (replay) => replay.run(others))).pipe(Effect.provide(library()))
      arrivals.splice(0)
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(
          Effect.flatMap(Replay, (replay) => replay.run({ ...request, gracePeriod: 0 }))
        )
        yield* drive(fiber, { until: () => arrivals.length >= 18 })
        yield* kill(fiber, life)
      }).pipe(Effect.provide(mortal(life)))
      const report = yield* driven(Effect.flatMap(Replay, (replay) => replay.run(request))).pipe(
        Effect.provide(recut(3))
      )
      assert.strictEqual(report.letters, 100)
      assert.deepStrictEqual(report.outcomes, {
        accepted: 97,
        duplicate: 3,
        skipped: 0,
        rejected: 0,
        exhausted: 0
      })
      assert.isAbove(count((yield* stats).requests, listRoute), 33)
    }).pipe(Effect.provide(layer))
  })
})
