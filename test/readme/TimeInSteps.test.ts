import { assert, it } from "@effect/vitest"
import { Duration, Effect, Layer, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { EmulatorClient, type EmulatorOptions, Fault, FaultPlan } from "../../src/emulator/index.ts"
import { Audit, EventBridge, Replay } from "../../src/index.ts"

const library = (emulator: EmulatorOptions) =>
  EventBridge.layer({ clientId: "demo", clientSecret: Redacted.make("demo") }).pipe(
    Layer.provide([Audit.layerMemory, KeyValueStore.layerMemory, EmulatorClient.layerEmulator(emulator)])
  )

it.effect.each<[string, EmulatorOptions]>([
  ["every fault at once", { topicId: "orders", faults: FaultPlan.all }],
  [
    "tokens that end on the way",
    {
      topicId: "orders",
      letters: 50,
      tokenLifetime: 90,
      script: ({ route }) => (route === "replay" ? Fault.Slow({ delay: Duration.seconds(15) }) : undefined)
    }
  ]
])("time moved in steps takes a run through %s", ([, emulator]) =>
  Effect.gen(function* () {
    const replay = yield* Replay
    const request = { topicId: "orders", concurrency: 4 }
    const report = yield* Effect.raceFirst(replay.run(request), Effect.forever(TestClock.adjust("1 second")))
    assert.deepInclude(report, { success: report.letters, failed: 0, skipped: 0 })
  }).pipe(Effect.provide(library(emulator)))
)
