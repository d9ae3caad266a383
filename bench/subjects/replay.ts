// The library with everything on that an application has on: token, pages, file audit, file checkpoints, metrics.
import { Effect, Layer, Redacted } from "effect"
import { join } from "node:path"
import { Audit, CheckpointFiles, EventBridge, Replay } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import * as Replaying from "./Replaying.ts"
import * as Subject from "./Subject.ts"

const live = (topicId: string) =>
  EventBridge.layer({
    baseUrl: `http://127.0.0.1:${Replaying.port}`,
    clientId: "bench",
    clientSecret: Redacted.make("bench"),
    topicId
  }).pipe(
    Layer.provide([
      Audit.layerFile(join(Replaying.folder, `${topicId}.jsonl`)),
      CheckpointFiles.layer(join(Replaying.folder, "checkpoints"))
    ]),
    Layer.provide(NodeEventBridge.layer)
  )

/** A layer of its own for each run, so that the measured one gets its token and opens its connections, too. */
const replay = (topicId: string, count: number) =>
  Effect.gen(function* () {
    const { run } = yield* Replay
    const context = yield* Effect.context()
    const request = { runId: topicId, concurrency: Replaying.concurrency }
    return yield* Effect.promise(() =>
      Subject.measure(count, async () => {
        const { status, success } = await Effect.runPromiseWith(context)(run(request))
        if (status !== "completed" || success !== count) throw new Error(`${status}, ${success} of ${count} taken`)
      })
    )
  }).pipe(Effect.provide(live(topicId)))

if (Replaying.warmUp > 0) await Effect.runPromise(replay("warm-up", Replaying.warmUp))
Subject.answer(await Effect.runPromise(replay("measured", Replaying.letters)))
