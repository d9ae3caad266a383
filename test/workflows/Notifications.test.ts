import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Fiber, Layer } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { EmulatorClient, type EmulatorOptions } from "../../src/emulator/index.ts"
import { Audit, Replay } from "../../src/index.ts"
import { auditRecords, drive, key, letter, letters, library, once, settle, stats, topicId } from "./support/Harness.ts"

const monitoringUrl = "https://monitoring.example.com/hook?team=a"

interface Hook {
  readonly bodies: Array<unknown>
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
          if (hook.delay !== undefined) yield* Effect.sleep(hook.delay)
          return HttpClientResponse.fromWeb(request, new Response("", { status: hook.status ?? 202 }))
        })
      })
    )
  )

const observed = (emulator: EmulatorOptions, hook: Hook) =>
  library({ monitoringUrl }).pipe(
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
  it.effect("is told of each letter that was sent, with its audit record, and of no other", () => {
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

  it.effect.each([
    ["slow", { delay: "4 seconds" }, { delivered: 16, failed: 0, dropped: 184 }],
    ["silent", { delay: "1 hour" }, { delivered: 0, failed: 8, dropped: 192 }],
    ["failing", { status: 500 }, { delivered: 0, failed: 200, dropped: 0 }],
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
})
