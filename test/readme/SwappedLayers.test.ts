import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Emulator, EmulatorClient } from "../../src/emulator/index.ts"
import { Audit, AuditMemory, EventBridge, Replay } from "../../src/index.ts"

const TestLayer = EventBridge.layer({ clientId: "demo", clientSecret: Redacted.make("demo") }).pipe(
  Layer.provideMerge(Audit.layerMemory),
  Layer.provide(KeyValueStore.layerMemory),
  Layer.provideMerge(EmulatorClient.layerEmulator({ topicId: "orders", letters: 20 }))
)

it.effect("replays every letter once", () =>
  Effect.gen(function* () {
    const replay = yield* Replay
    const report = yield* replay.run({ topicId: "orders" })
    assert.strictEqual(report.success, 20)

    const emulator = yield* Emulator
    const { deliveries } = yield* emulator.stats
    assert.deepStrictEqual(new Set(Object.values(deliveries)), new Set([1]))

    const audit = yield* AuditMemory
    assert.strictEqual(audit.records.length, 20)
  }).pipe(Effect.provide(TestLayer))
)
