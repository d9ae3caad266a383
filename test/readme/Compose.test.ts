import { assert, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { KeyValueStore } from "effect/persistence"
import { ReplayLive } from "../../examples/compose.ts"
import { EmulatorClient } from "../../src/emulator/index.ts"
import { Audit, Replay } from "../../src/index.ts"

const env = { CXONE_CLIENT_ID: "demo", CXONE_CLIENT_SECRET: "demo", CXONE_TOPIC_ID: "orders" }

it.effect("the services composed one by one replay", () =>
  Effect.gen(function* () {
    const report = yield* (yield* Replay).run({})
    assert.deepInclude(report, { status: "completed", letters: 5, success: 5 })
  }).pipe(
    Effect.provide(ReplayLive),
    Effect.provide([
      Audit.layerMemory,
      KeyValueStore.layerMemory,
      EmulatorClient.layerEmulator({ topicId: "orders", letters: 5 })
    ]),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
  )
)
