// The packed package as an application uses it: every entry point, and a replay on the emulator in memory.
import { Effect, Layer, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Audit, EventBridge, Replay, Subscriptions } from "effect-cxone-eventbridge"
import { Emulator, EmulatorClient } from "effect-cxone-eventbridge/emulator"
import { NodeEventBridge } from "effect-cxone-eventbridge/node"

const program = Effect.gen(function* () {
  const report = yield* (yield* Replay).run({ topicId: "orders" })
  const { actions } = yield* (yield* Subscriptions).plan([])
  const { deliveries } = yield* (yield* Emulator).stats
  const delivered = Object.values(deliveries).filter((times) => times === 1).length
  console.log(
    `${report.success} of ${report.letters} letters accepted, ${delivered} of them once; ${actions.length} plans`
  )
  if (report.success !== 30 || delivered !== 30) return yield* Effect.die("not every letter was accepted once")
})

const live = EventBridge.layer({ clientId: "demo", clientSecret: Redacted.make("demo") }).pipe(
  Layer.provide([Audit.layerMemory, KeyValueStore.layerMemory]),
  Layer.provideMerge(EmulatorClient.layerEmulator({ topicId: "orders", letters: 30 }))
)

await Effect.runPromise(Effect.scoped(Layer.build(NodeEventBridge.layer)))
await Effect.runPromise(Effect.provide(program, live))
