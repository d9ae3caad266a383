import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Latch, Layer, Redacted, Schema, Stream } from "effect"
import { HttpClient } from "effect/http"
import { CircuitBreaker, KeyValueStore, RateLimiter } from "effect/persistence"
import { EmulatorClient, type EmulatorOptions, Fault, type FaultScript } from "../../src/emulator/index.ts"
import {
  Audit,
  type AuditRecord,
  AuditError,
  Checkpoints,
  clientVersion,
  DeadLetterQueue,
  EventBridgeConfig,
  EventBridgeHttp,
  Metrics,
  Notifier,
  Replay,
  type RunCheckpoint,
  type RunRequest,
  Token,
  Transport
} from "../../src/index.ts"
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
  onEmulator,
  once,
  putRoute,
  settle,
  stats,
  steps,
  tokenRoute,
  topicId,
  world
} from "./support/Harness.ts"

type Event =
  | { readonly is: "arrived"; readonly key: string }
  | { readonly is: "recorded"; readonly eventId: string }
  | { readonly is: "saved"; readonly checkpoint: RunCheckpoint }

/** Checkpoints that take a while, note when they are kept, and fail when told to. */
const recordedCheckpoints = (events: Array<Event>, delay: Duration.Input) =>
  Layer.effect(
    Checkpoints,
    Effect.map(Checkpoints, ({ save, ...others }) =>
      Checkpoints.of({
        ...others,
        save: (checkpoint) =>
          Effect.sleep(delay).pipe(
            Effect.andThen(save(checkpoint)),
            Effect.andThen(Effect.sync(() => void events.push({ is: "saved", checkpoint })))
          )
      })
    )
  ).pipe(Layer.provide(Checkpoints.layer), Layer.provide(KeyValueStore.layerMemory))

/** An audit that takes a while, some records longer than others, and fails from the n-th on. */
const recordedAudit = (events: Array<Event>, failsFrom = Number.POSITIVE_INFINITY, longestMillis = 150) => {
  let recorded = 0
  return Layer.succeed(Audit, {
    record: Effect.forEach(
      (record: AuditRecord) =>
        Effect.suspend(() => {
          if (++recorded >= failsFrom) return Effect.fail(new AuditError({ sink: "tape", detail: "torn" }))
          return Effect.andThen(
            Effect.sleep(Duration.millis((recorded * 37) % longestMillis)),
            Effect.sync(
              () => void events.push({ is: "recorded", eventId: "event_id" in record ? record.event_id : "" })
            )
          )
        }),
      { discard: true }
    ),
    head: Effect.undefined
  })
}

/** The library, service by service. */
const composed = (
  emulator: EmulatorOptions,
  events: Array<Event>,
  audit = recordedAudit(events),
  saving: Duration.Input = "30 millis"
) =>
  Layer.fresh(Replay.layer).pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.fresh(Notifier.layerNoop),
        recordedCheckpoints(events, saving),
        Layer.fresh(DeadLetterQueue.layer),
        audit
      )
    ),
    Layer.provideMerge(Layer.fresh(EventBridgeHttp.layer)),
    Layer.provideMerge(Layer.fresh(Token.layer)),
    Layer.provideMerge(Layer.fresh(Transport.layer)),
    Layer.provideMerge(Layer.fresh(Metrics.layer)),
    Layer.provide([CircuitBreaker.layerStoreMemory(), Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory)]),
    Layer.provideMerge(EventBridgeConfig.layer({ clientId: "demo", clientSecret: Redacted.make("demo") })),
    Layer.provideMerge(
      EmulatorClient.layerEmulator({
        topicId,
        ...emulator,
        script: (request) => {
          if (request.route === "replay") events.push({ is: "arrived", key: request.key })
          return emulator.script?.(request)
        }
      })
    )
  )

const pageOf = (index: number, pageSize: number): number => Math.floor(index / pageSize)
const indexOf = (text: string): number => Number(/\d+/.exec(text)?.[0])

/** What must hold at every moment of a run over pages that are full. */
const assertOrder = (events: ReadonlyArray<Event>, pageSize: number) => {
  const recorded = new Set<number>()
  let started = 0
  let sent = 0
  let settled = 0
  for (const event of events) {
    if (event.is === "recorded") recorded.add(indexOf(event.eventId))
    if (event.is === "arrived") {
      assert.isBelow(indexOf(event.key), started, `${event.key} was sent before its page was noted`)
      sent = Math.max(sent, indexOf(event.key) + 1)
    }
    if (event.is !== "saved") continue
    const { checkpoint } = event
    assert.isAtLeast(checkpoint.settledPages, settled)
    // A run that has halted knows what it has not sent.
    assert.isAtLeast(checkpoint.startedLetters, checkpoint.halted === null ? started : sent)
    settled = checkpoint.settledPages
    started = checkpoint.startedLetters
    for (let index = 0; index < Math.min(settled * pageSize, checkpoint.tally.selected); index++) {
      assert.isTrue(recorded.has(index), `page ${pageOf(index, pageSize)} settled before letter ${index} was recorded`)
    }
    const { outcomes } = checkpoint.tally
    const total = outcomes.accepted + outcomes.duplicate + outcomes.exhausted + outcomes.rejected + outcomes.skipped
    assert.isAtMost(total, recorded.size)
  }
}

describe("pages settle in order", () => {
  it.effect.each([1, 3, 16])("at concurrency %d, and never before their letters are recorded", (concurrency) => {
    const events: Array<Event> = []
    return Effect.gen(function* () {
      const replay = yield* Replay
      const report = yield* driven(replay.run({ topicId, pageSize: 6, concurrency }))
      assert.strictEqual(report.success, 57)
      assert.deepStrictEqual((yield* stats).deliveries, once(keys(57)))
      assertOrder(events, 6)
      const last = events.at(-1)
      assert.strictEqual(last?.is, "saved")
      assert.deepStrictEqual(last?.is === "saved" && last.checkpoint.report, report)
      const positions = events.flatMap((event) => (event.is === "saved" ? [event.checkpoint.settledPages] : []))
      assert.includeMembers(positions, [0, 10])
      assert.isTrue(positions.some((settledPages) => settledPages > 0 && settledPages < 10))
      assert.strictEqual(events.filter(({ is }) => is === "recorded").length, 57)
    }).pipe(
      Effect.provide(
        composed(
          {
            queue: letters(57),
            faults: {
              seed: 3,
              rates: { slow: { rate: 0.2, duration: Duration.seconds(3) }, "reset-after": { rate: 0.1 } }
            }
          },
          events
        )
      )
    )
  })

  it.effect.each([0, 30])(
    "a checkpoint that takes %d ms notes all pages read by the time they are needed",
    (saving) => {
      const events: Array<Event> = []
      return Effect.gen(function* () {
        const replay = yield* Replay
        const report = yield* driven(replay.run({ topicId, pageSize: 2, concurrency: 8 }))
        assert.strictEqual(report.success, 600)
        assertOrder(events, 2)
        const announced = new Set(
          events.flatMap((event) => (event.is === "saved" ? [event.checkpoint.startedLetters] : []))
        )
        // Of 300 pages; a page of two is read while fewer than 96 letters are on their way.
        assert.isAtMost(announced.size, 100)
        assert.isAtLeast(announced.size, 600 / 97)
      }).pipe(
        Effect.provide(
          composed(
            {
              queue: letters(600),
              script: ({ route }) => (route === "replay" ? Fault.Slow({ delay: Duration.millis(200) }) : undefined)
            },
            events,
            recordedAudit(events, undefined, 1),
            saving
          )
        )
      )
    }
  )

  it.effect("a slow letter holds back neither the others nor the pages before it", () => {
    const events: Array<Event> = []
    return Effect.gen(function* () {
      const replay = yield* Replay
      const fiber = yield* Effect.forkChild(replay.run({ topicId, pageSize: 5, concurrency: 4 }))
      yield* drive(fiber, { until: () => events.filter(({ is }) => is === "recorded").length === 49 })
      assert.strictEqual(Object.keys((yield* stats).deliveries).length, 49)
      yield* Effect.forEach(Array.from({ length: 10 }), () => drive(fiber, { until: steps(5) }), { discard: true })
      const settled = events.flatMap((event) => (event.is === "saved" ? [event.checkpoint.settledPages] : []))
      assert.strictEqual(settled.at(-1), 2)
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* drive(fiber)
      assert.strictEqual((yield* Fiber.join(fiber)).success, 50)
      assertOrder(events, 5)
    }).pipe(
      Effect.provide(
        composed(
          {
            queue: letters(50),
            script: (request) => (request.key === key(12) ? Fault.Slow({ delay: Duration.seconds(19) }) : undefined)
          },
          events
        )
      )
    )
  })
})

describe("a crash loses no page that has settled", () => {
  const slow =
    (delayOf: (index: number) => Duration.Duration): FaultScript =>
    ({ key: name, route }) =>
      route === "replay" ? Fault.Slow({ delay: delayOf(indexOf(name)) }) : undefined
  const settledAfter = Effect.fnUntraced(function* (
    millis: number,
    events: ReadonlyArray<Event>,
    request: Omit<RunRequest, "topicId">
  ) {
    const replay = yield* Replay
    const fiber = yield* Effect.forkChild(replay.run({ topicId, ...request }))
    yield* drive(fiber, { until: steps(millis / 20) })
    const saved = events.flatMap((event) => (event.is === "saved" ? [event.checkpoint] : []))
    yield* Fiber.interrupt(fiber).pipe(driven)
    return saved.at(-1)?.settledPages
  })

  it.effect("after the last page was read: it is saved at once", () => {
    const events: Array<Event> = []
    const script = slow((index) => (index < 2 ? Duration.millis(500) : Duration.seconds(9)))
    return Effect.gen(function* () {
      assert.strictEqual(yield* settledAfter(700, events, { pageSize: 2, concurrency: 4 }), 1)
    }).pipe(Effect.provide(composed({ queue: letters(4), script }, events, recordedAudit(events, undefined, 1))))
  })

  it.effect("while there are pages to come, and none is needed yet: it is saved after a second", () => {
    const events: Array<Event> = []
    const script = slow(() => Duration.millis(600))
    return Effect.gen(function* () {
      assert.strictEqual(yield* settledAfter(2_700, events, { pageSize: 2, concurrency: 1 }), 2)
    }).pipe(Effect.provide(composed({ queue: letters(100), script }, events, recordedAudit(events, undefined, 1))))
  })

  it.effect("while the last pages are noted: it is saved with the next checkpoint, which follows", () => {
    const events: Array<Event> = []
    const sending = slow((index) => (index < 2 ? Duration.millis(100) : Duration.seconds(9)))
    const script: FaultScript = (asked) =>
      asked.route === "list" && asked.key !== "" ? Fault.Slow({ delay: Duration.millis(100) }) : sending(asked)
    // The first page is sent at 300 ms, and has settled while the second one is noted, from 300 to 600 ms.
    const layer = composed({ queue: letters(4), script }, events, recordedAudit(events, undefined, 1), "300 millis")
    return Effect.gen(function* () {
      assert.strictEqual(yield* settledAfter(1_200, events, { pageSize: 2, concurrency: 4 }), 1)
    }).pipe(Effect.provide(layer))
  })
})

describe("letters whose outcomes wait to be recorded", () => {
  it.effect.each([1, 4])("hold back no other, up to twice as many as are sent at once: %d", (concurrency) => {
    const isDiskBack = Latch.makeUnsafe(false)
    const audit = Layer.succeed(Audit, { record: () => isDiskBack.await, head: Effect.undefined })
    return Effect.gen(function* () {
      const replay = yield* Replay
      const fiber = yield* Effect.forkChild(replay.run({ topicId, pageSize: 50, concurrency }))
      yield* drive(fiber, { until: steps(100) })
      // Those that are recorded, at least one and at most as many as may wait for it; those that wait; one with each worker.
      const { length } = Object.keys((yield* stats).deliveries)
      assert.isAtLeast(length, 1 + 3 * concurrency)
      assert.isAtMost(length, 5 * concurrency)
      yield* isDiskBack.open
      yield* drive(fiber)
      assert.strictEqual((yield* Fiber.join(fiber)).success, 50)
    }).pipe(Effect.provide(composed({ queue: letters(50) }, [], audit)))
  })
})

describe("a run halts, and can be resumed,", () => {
  it.effect.each([1, 2, 17, 30])("when the audit fails at record %d: nothing after it settles", (failsFrom) => {
    const events: Array<Event> = []
    return Effect.gen(function* () {
      const replay = yield* Replay
      const error = yield* Effect.flip(driven(replay.run({ topicId, pageSize: 5, concurrency: 3 })))
      assert.strictEqual(error._tag, "ReplayHalted")
      if (error._tag !== "ReplayHalted") return
      assert.strictEqual(error.reason._tag, "AuditError")
      assert.include(error.message, "torn")
      assert.isTrue(addsUp(error.report))
      assert.strictEqual(error.report.status, "halted")
      // Records are made in groups: of one that fails, none counts.
      assert.isAtMost(error.report.letters, events.filter(({ is }) => is === "recorded").length)
      assert.isAtMost(error.report.letters, failsFrom - 1)
      assert.strictEqual(error.report.failed, 0)
      assertOrder(events, 5)
      // Those to be recorded with it have arrived, twice as many may wait for that, and those on their way may still arrive.
      assert.isAtMost(Object.keys((yield* stats).deliveries).length, failsFrom + 5 * 3)
    }).pipe(Effect.provide(composed({ queue: letters(60) }, events, recordedAudit(events, failsFrom))))
  })

  const trouble = { on: false }
  const runId = "run-1"
  const request = { topicId, runId, pageSize: 8, concurrency: 5 }

  it.effect.each([1, 20, 39])("when no token can be obtained from letter %d on", (from) => {
    trouble.on = true
    return Effect.gen(function* () {
      const halted = yield* Effect.flip(
        driven(Effect.flatMap(Replay, (replay) => replay.run(request))).pipe(Effect.provide(library()))
      )
      assert.strictEqual(halted._tag, "ReplayHalted")
      if (halted._tag !== "ReplayHalted") return
      assert.strictEqual(halted.reason._tag === "EventBridgeError" && halted.reason.reason._tag, "Unauthorized")
      assert.isTrue(addsUp(halted.report))
      assert.deepStrictEqual([halted.report.failed, halted.report.outcomes.rejected], [0, 0])
      assert.strictEqual(halted.report.success, Object.keys((yield* stats).deliveries).length)
      assert.isBelow(halted.report.letters, 40)
      assert.include(halted.report.stopped.why, "credentials")
      // Not a token request a letter.
      assert.isAtMost(count((yield* stats).requests, tokenRoute), 8)

      trouble.on = false
      const report = yield* driven(Effect.flatMap(Replay, (replay) => replay.run(request))).pipe(
        Effect.provide(library())
      )
      assert.deepStrictEqual([report.status, report.letters, report.success, report.failed], ["completed", 40, 40, 0])
      assert.strictEqual(report.initiatedAt, halted.report.initiatedAt)
      const seen = yield* stats
      assert.deepStrictEqual(seen.deliveries, once(keys(40)))
      assert.deepStrictEqual(seen.distinctBodies, {})
    }).pipe(
      Effect.provide(
        world({
          queue: letters(40),
          script: ({ attempt, key: name, route }) =>
            !trouble.on
              ? undefined
              : route === "token" && attempt > 1
                ? Fault.Answer({ status: 401, body: `{"error":"invalid_client"}` })
                : route === "replay" && indexOf(name) >= from
                  ? Fault.Revoke()
                  : undefined
        })
      )
    )
  })

  it.effect.each([1, 16])("when the service is down for longer than it waits (concurrency %d)", (concurrency) => {
    trouble.on = true
    let isDown = false
    return Effect.gen(function* () {
      const first = yield* Effect.flip(
        driven(
          Effect.flatMap(Replay, (replay) => replay.run({ ...request, concurrency })),
          200
        ).pipe(Effect.provide(library({ breaker: { failures: 5, maxWait: "2 minutes" } })))
      )
      assert.strictEqual(first._tag, "ReplayHalted")
      if (first._tag !== "ReplayHalted") return
      assert.strictEqual(first.reason._tag === "EventBridgeError" && first.reason.reason._tag, "ServiceUnavailable")
      assert.include(first.message, "did not come back within 2m")
      assert.deepStrictEqual([first.report.success, first.report.failed], [10, 0])
      assert.isAtLeast(first.report.seconds, 120)
      assert.isAtMost(first.report.seconds, 180)
      // Patience is not hammering.
      assert.isAtMost(count((yield* stats).requests, putRoute), 120)

      trouble.on = false
      const report = yield* driven(Effect.flatMap(Replay, (replay) => replay.run({ ...request, concurrency }))).pipe(
        Effect.provide(library())
      )
      assert.deepStrictEqual([report.letters, report.success, report.failed], [40, 40, 0])
      assert.deepStrictEqual((yield* stats).deliveries, once(keys(40)))
      assert.deepStrictEqual((yield* stats).distinctBodies, {})
    }).pipe(
      Effect.provide(
        world({
          queue: letters(40),
          script: ({ key: name, route }) => {
            isDown ||= route === "replay" && indexOf(name) >= 10
            return trouble.on && isDown && (route !== "replay" || indexOf(name) >= 10) ? Fault.ResetBefore() : undefined
          }
        })
      )
    )
  })
})

it.effect(
  "a run that is resumed after the library was updated sends what the version that began it would have sent",
  () => {
    let isLimiting = false
    const sent = new Map<string, Set<string>>()
    const watched = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, (client) =>
        HttpClient.tapRequest(client, (request) =>
          Effect.sync(() => {
            if (request.method !== "PUT" || request.body._tag !== "Uint8Array") return
            const version = /"clientVersion":"([^"]*)"/.exec(new TextDecoder().decode(request.body.body))?.[1] ?? ""
            const idempotencyKey = request.headers["idempotency-key"] ?? ""
            sent.set(idempotencyKey, (sent.get(idempotencyKey) ?? new Set()).add(version))
          })
        )
      )
    )
    const run = driven(
      Effect.flatMap(Replay, (replay) => replay.run({ topicId, runId: "r", pageSize: 10, concurrency: 2 }))
    )
    return Effect.gen(function* () {
      isLimiting = true
      yield* Effect.flip(run).pipe(Effect.provide(library()))
      const store = yield* KeyValueStore.KeyValueStore
      const kept = (yield* store.get("replay-run:r")) ?? ""
      const version = `"clientVersion":"${clientVersion}"`
      assert.include(kept, version)
      yield* store.set("replay-run:r", kept.replace(version, '"clientVersion":"0.0.9"'))
      isLimiting = false
      sent.clear()
      yield* run.pipe(Effect.provide(Layer.provide(library(), watched)))
      assert.strictEqual(sent.size, 20)
      for (const versions of sent.values()) assert.deepStrictEqual([...versions], ["0.0.9"])
    }).pipe(
      Effect.provide(
        world({
          queue: letters(20),
          script: ({ route }) =>
            route === "replay" && isLimiting
              ? Fault.Answer({ status: 429, headers: { "retry-after": "3600" } })
              : undefined
        })
      )
    )
  }
)

describe("a run that is run again under its id", () => {
  it.effect("and was completed gives its report and sends nothing", () =>
    Effect.gen(function* () {
      const request = { topicId, runId: "done", pageSize: 4 }
      const run = driven(Effect.flatMap(Replay, (replay) => replay.run(request)))
      const first = yield* run.pipe(Effect.provide(library()))
      const before = (yield* stats).requests
      const records = (yield* auditRecords).length
      const second = yield* run.pipe(Effect.provide(library()))
      assert.deepStrictEqual(second, first)
      assert.deepStrictEqual((yield* stats).requests, before)
      assert.strictEqual((yield* auditRecords).length, records)
    }).pipe(Effect.provide(world({ queue: letters(11) })))
  )

  it.effect("with other options is refused, and every difference named", () =>
    Effect.gen(function* () {
      const replay = yield* Replay
      yield* replay.run({ topicId, runId: "r", limit: 3 })
      const before = (yield* stats).requests
      const error = yield* Effect.flip(
        replay.run({
          topicId: "another",
          runId: "r",
          pageSize: 7,
          maxAttempts: 9,
          failureReason: "502",
          destination: "https://hooks.example.com/"
        })
      )
      assert.strictEqual(error._tag, "CheckpointMismatch")
      if (error._tag !== "CheckpointMismatch") return
      assert.deepStrictEqual(error.differences, [
        { option: "topicId", started: topicId, given: "another" },
        { option: "pageSize", started: "50", given: "7" },
        { option: "maxAttempts", started: "5", given: "9" },
        { option: "destination", started: "not set", given: "https://hooks.example.com/" },
        { option: "failureReason", started: "not set", given: "502" },
        { option: "limit", started: "3", given: "not set" }
      ])
      for (const { given, option } of error.differences) {
        assert.include(error.message, option)
        assert.include(error.message, given)
      }
      assert.deepStrictEqual((yield* stats).requests, before)
    }).pipe(
      Effect.provide(onEmulator({ queue: letters(5) }, { destinations: { allowedHosts: ["hooks.example.com"] } }))
    )
  )

  it.effect("on another service is refused: its topic of that name has other letters", () =>
    Effect.gen(function* () {
      const run = Effect.flatMap(Replay, (replay) => replay.run({ topicId, runId: "r" }))
      yield* driven(run).pipe(Effect.provide(library()))
      const baseUrl = "https://tenant.example.com"
      const error = yield* Effect.flip(run).pipe(Effect.provide(library({ baseUrl })))
      if (error._tag !== "CheckpointMismatch") return assert.fail(error._tag)
      const started = "https://api.nicecxone.com"
      assert.deepStrictEqual(error.differences, [{ option: "service", started, given: baseUrl }])
      // Another spelling is no other service, and a run that is older than this option goes on.
      yield* Effect.provide(run, library({ baseUrl: "https://API.nicecxone.com:443/" }))
      const store = yield* KeyValueStore.KeyValueStore
      const kept = yield* store.get("replay-run:r")
      yield* store.set("replay-run:r", (kept ?? "").replace(`"service":"${started}",`, ""))
      yield* Effect.provide(run, library({ baseUrl }))
    }).pipe(Effect.provide(world({ queue: letters(5) })))
  )

  it.effect("resumes from its checkpoint: pages that are settled are not read again", () =>
    Effect.gen(function* () {
      const request = { topicId, runId: "r", pageSize: 10, concurrency: 2, gracePeriod: 0 }
      const life = { isOver: false }
      const run = Effect.flatMap(Replay, (replay) => replay.run(request))
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(run)
        yield* settle
        yield* drive(fiber, { until: () => arrivals.length >= 75 })
        yield* kill(fiber, life)
      }).pipe(Effect.provide(mortal(life)))
      const before = (yield* stats).requests
      const recordsBefore = (yield* auditRecords).length
      const report = yield* driven(run).pipe(Effect.provide(library()))
      const after = (yield* stats).requests
      assert.deepStrictEqual([report.letters, report.success], [100, 100])
      assert.deepStrictEqual((yield* stats).deliveries, once(keys(100)))
      // Seven pages were settled, one was under way.
      assert.isAtMost(count(after, listRoute) - count(before, listRoute), 4)
      assert.isAtMost(count(after, putRoute) - count(before, putRoute), 40)
      const resumed = (yield* auditRecords).slice(recordsBefore).filter(({ detail }) => detail?.includes("resumed"))
      assert.isAbove(resumed.length, 0)
      assert.strictEqual(after[putRoute]?.["409"], resumed.length)
      assert.isTrue(resumed.every(({ status }) => status === "SUCCESS"))
    }).pipe(
      Effect.provide(
        world({
          queue: letters(100),
          script: ({ key: name, route }) => {
            if (route !== "replay") return undefined
            arrivals.push(name)
            return Fault.Slow({ delay: Duration.millis(100) })
          }
        })
      )
    )
  )
  const arrivals: Array<string> = []

  const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

  it.effect.prop(
    "resumes wherever it was cut off: each letter is accepted once, with the same bytes",
    {
      seed: whole(0, 100_000),
      size: whole(1, 60),
      pageSize: whole(1, 12),
      concurrency: whole(1, 16),
      cuts: Schema.Array(
        Schema.Struct({ after: whole(0, 60), how: Schema.Literals(["kill", "interrupt", "stop"]) })
      ).check(Schema.isMaxLength(4)),
      limited: Schema.Boolean
    },
    ({ concurrency, cuts, limited, pageSize, seed, size }) => {
      let arrived = 0
      const limit = Math.max(1, size - 5)
      const expected = limited ? limit : size
      const request = { topicId, runId: "r", pageSize, concurrency, ...(limited ? { limit } : {}) }
      const run = Effect.flatMap(Replay, (replay) => replay.run(request))
      // With as many as by default, once in some hundred times chance strikes one call with every try it has.
      const patient = { retry: { maxRetries: 30 } }
      return Effect.gen(function* () {
        for (const { after, how } of cuts) {
          const life = { isOver: false }
          yield* Effect.gen(function* () {
            const until = arrived + after
            // Now and then shorter than a letter takes.
            const gracePeriod = how === "kill" ? 0 : seed % 3 === 0 ? "20 millis" : "5 seconds"
            const started = yield* driven((yield* Replay).start({ ...request, gracePeriod }))
            const fiber = yield* Effect.forkChild(Effect.ignore(Stream.runDrain(started.outcomes)))
            yield* drive(fiber, { until: () => arrived >= until, stepMillis: 7 })
            if (how === "kill") return yield* kill(fiber, life)
            yield* how === "stop" ? started.stop : Effect.forkChild(Fiber.interrupt(fiber))
            yield* drive(fiber, { stepMillis: 7 })
            const report = yield* started.report
            assert.include(["halted", "completed"], report.status)
            assert.deepStrictEqual([report.failed, report.success], [0, report.letters])
          }).pipe(Effect.scoped, Effect.provide(mortal(life, patient)))
        }
        const report = yield* driven(run).pipe(Effect.provide(library(patient)))
        const seen = yield* stats
        assert.deepStrictEqual(seen.deliveries, once(keys(expected)))
        assert.deepStrictEqual(seen.distinctBodies, {})
        assert.strictEqual(seen.retryAfterViolations, 0)
        assert.isTrue(addsUp(report))
        assert.deepStrictEqual(
          [report.status, report.letters, report.success, report.failed, report.skipped],
          ["completed", expected, expected, 0, 0]
        )
        const records = yield* auditRecords
        assert.isTrue(records.every(({ status }) => status === "SUCCESS"))
        assert.strictEqual(new Set(records.map(({ event_id }) => event_id)).size, expected)
      }).pipe(
        Effect.provide(
          world({
            queue: letters(size),
            seed,
            pages: seed % 2 === 0 ? "ragged" : "full",
            faults: {
              seed,
              rates: {
                slow: { rate: 0.3, duration: Duration.millis(40) },
                "reset-after": { rate: 0.1 },
                "5xx": { rate: 0.05 }
              }
            },
            script: ({ route }) => {
              if (route === "replay") arrived++
              return undefined
            }
          })
        )
      )
    },
    { arbitrary: { runs: 60 } }
  )
})
