import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { EmulatorClient, type EmulatorOptions, Fault, type FaultScript } from "../../src/emulator/index.ts"
import { Audit, AuditError, AuditMemory, type EventBridgeOptions, Metrics, Replay } from "../../src/index.ts"
import { webhookSecret } from "../services/Support.ts"
import {
  auditRecords,
  drive,
  driven,
  key,
  letter,
  letters,
  library,
  once,
  settle,
  stats,
  topicId
} from "./support/Harness.ts"

const monitoringUrl = "https://monitoring.example.com/hook?team=a"

interface Hook {
  readonly bodies: Array<unknown>
  readonly ids?: Array<string | undefined>
  readonly status?: number
  readonly delay?: Duration.Input
}

/** Requests for the webhook are kept; all others go to the emulator. */
const withHook = (hook: Hook) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (emulator) =>
      HttpClient.make((request, url) => {
        if (url.hostname !== "monitoring.example.com") return emulator.execute(request)
        return Effect.gen(function* () {
          hook.bodies.push(
            request.body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(request.body.body)) : 0
          )
          hook.ids?.push(request.headers["webhook-id"])
          if (hook.delay !== undefined) yield* Effect.sleep(hook.delay)
          return HttpClientResponse.fromWeb(request, new Response("", { status: hook.status ?? 202 }))
        })
      })
    )
  )

const observed = (emulator: EmulatorOptions, hook: Hook, options: Partial<EventBridgeOptions> = {}) =>
  library({ monitoringUrl, ...options }).pipe(
    Layer.provideMerge(
      Layer.provideMerge(
        withHook(hook),
        Layer.mergeAll(
          EmulatorClient.layerEmulator({ topicId, ...emulator }),
          Audit.layerMemory,
          KeyValueStore.layerMemory
        )
      )
    )
  )

const started = Effect.flatMap(Replay, (replay) => Effect.forkChild(replay.run({ topicId })))

const outcome = Effect.fnUntraced(function* () {
  const fiber = yield* started
  yield* settle
  const delivered = Object.keys((yield* stats).deliveries).length
  yield* drive(fiber)
  return { delivered, report: yield* Fiber.join(fiber) }
})

describe("the monitoring webhook", () => {
  it.effect("is notified of each letter that was sent, with its audit record, and of no other", () => {
    const hook: Hook = { bodies: [] }
    return Effect.gen(function* () {
      const { report } = yield* outcome()
      assert.deepStrictEqual(report.notifications, { delivered: 4, failed: 0, dropped: 0 })
      const records = yield* auditRecords
      const sent = records.filter(({ event_id }) => ["evt_0", "evt_3", "evt_4", "evt_5"].includes(event_id))
      assert.strictEqual(records.length, 6)
      assert.deepStrictEqual(
        new Set(hook.bodies.map((body) => JSON.stringify(body))),
        new Set(
          sent.map((data) =>
            JSON.stringify({ source: "cxone-eventbridge-replayer", type: "replay_status_update", data })
          )
        )
      )
      assert.strictEqual(hook.bodies.length, 4)
    }).pipe(
      Effect.provide(
        observed(
          {
            queue: letters(6).map((each, index) =>
              index === 1 ? letter(1, { payload: null }) : index === 2 ? letter(2, { retryCount: 5 }) : each
            )
          },
          hook
        )
      )
    )
  })

  it.effect("is not notified of a letter that could not be recorded, nor is one counted", () => {
    const hook: Hook = { bodies: [] }
    const torn = Layer.succeed(Audit, {
      record: () => Effect.fail(new AuditError({ sink: "tape", detail: "torn" })),
      head: Effect.undefined
    })
    return Effect.gen(function* () {
      const replay = yield* Replay
      const counted = Effect.map(Metrics.snapshot, (series) =>
        series.filter(({ name }) => name === "cxone_eventbridge_letters_total")
      )
      const before = yield* counted
      const error = yield* Effect.flip(driven(replay.run({ topicId })))
      assert.strictEqual(error._tag === "ReplayHalted" && error.reason._tag, "AuditError")
      assert.isAtLeast(Object.keys((yield* stats).deliveries).length, 1)
      assert.deepStrictEqual(hook.bodies, [])
      assert.deepStrictEqual(yield* counted, before)
    }).pipe(
      Effect.provide(Layer.provide(library({ monitoringUrl }), torn)),
      Effect.provide(observed({ queue: letters(3) }, hook))
    )
  })

  it.effect.each([
    ["slow", { delay: "4 seconds" }, { delivered: 16, failed: 8, dropped: 176 }],
    ["silent", { delay: "1 hour" }, { delivered: 0, failed: 8, dropped: 192 }],
    ["failing", { status: 500 }, { delivered: 0, failed: 8, dropped: 192 }],
    ["missing", { status: 404 }, { delivered: 0, failed: 200, dropped: 0 }]
  ] as const)("that is %s neither slows nor fails the run", ([, how, expected]) => {
    const hook: Hook = { bodies: [], ...how }
    return Effect.gen(function* () {
      const { delivered, report } = yield* outcome()
      // All letters are delivered before any time has passed; what follows is the draining, which is limited.
      assert.strictEqual(delivered, 200)
      assert.deepStrictEqual((yield* stats).deliveries, once(Array.from({ length: 200 }, (_, index) => key(index))))
      assert.deepStrictEqual([report.status, report.success, report.failed], ["completed", 200, 0])
      assert.isAtMost(report.seconds, 10.1)
      assert.deepStrictEqual(report.notifications, expected)
    }).pipe(Effect.provide(observed({ queue: letters(200) }, hook)))
  })

  it.effect(
    "is notified of what was sent before the run was interrupted, and of each letter once when it is resumed",
    () => {
      const ids: Array<string | undefined> = []
      const hook: Hook = { bodies: [], ids, delay: "50 millis" }
      const slow: FaultScript = ({ route }) =>
        route === "replay" ? Fault.Slow({ delay: Duration.millis(30) }) : undefined
      return Effect.gen(function* () {
        const replay = yield* Replay
        const first = yield* Effect.forkChild(replay.run({ topicId, runId: "run-1", concurrency: 4 }))
        const { records } = yield* AuditMemory
        yield* drive(first, { until: () => records.length >= 8 })
        // In small steps: Web Crypto takes its time, while ours goes on.
        yield* driven(Fiber.interrupt(first), 1)
        const audited = records.length
        assert.isBelow(audited, 30)
        assert.lengthOf(ids, audited)

        const report = yield* driven(replay.run({ topicId, runId: "run-1" }), 1)
        assert.deepInclude(report, { status: "completed", letters: 60, success: 60 })
        // Letters of the page that was cut off were told before: the receiver knows them by their ids.
        assert.lengthOf(ids, audited + report.notifications.delivered)
        assert.isAbove(ids.length, 60)
        assert.lengthOf(new Set(ids), 60)
      }).pipe(
        Effect.provide(
          observed({ queue: letters(60), script: slow }, hook, { monitoringSecret: Redacted.make(webhookSecret) })
        )
      )
    }
  )
})
