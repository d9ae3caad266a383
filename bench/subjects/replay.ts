// The library with everything that an application switches on: token, pages, file audit, file checkpoints, metrics.
import { Effect, Layer, Redacted } from "effect"
import { join } from "node:path"
import { Audit, CheckpointFiles, EventBridge, Replay } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import * as Replaying from "./Replaying.ts"
import * as Subject from "./Subject.ts"

const live = EventBridge.layer({
  baseUrl: `http://127.0.0.1:${Replaying.port}`,
  clientId: "bench",
  clientSecret: Redacted.make("bench")
}).pipe(
  Layer.provide([
    Audit.layerFile(join(Replaying.folder, "audit.jsonl")),
    CheckpointFiles.layer(join(Replaying.folder, "checkpoints"))
  ]),
  Layer.provide(NodeEventBridge.layer)
)

const replay = Effect.fnUntraced(function* (topicId: string, count: number) {
  const { run } = yield* Replay
  const context = yield* Effect.context()
  const request = { topicId, runId: topicId, concurrency: Replaying.concurrency, pageSize: Replaying.pageSize }
  return yield* Effect.promise(() =>
    Subject.measure(count, async () => {
      const { status, success } = await Effect.runPromiseWith(context)(run(request))
      if (status !== "completed" || success !== count) throw new Error(`${status}, ${success} of ${count} accepted`)
    })
  )
})

const program = Effect.gen(function* () {
  if (Replaying.warmUp > 0) yield* replay("warm-up", Replaying.warmUp)
  Subject.answer(yield* replay("measured", Replaying.letters))
})
await Effect.runPromise(Effect.provide(program, live))
