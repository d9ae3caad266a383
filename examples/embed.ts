import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { Audit, CheckpointFiles, EventBridge, Replay } from "../src/index.ts"
import { NodeEventBridge } from "../src/node/index.ts"

const program = Effect.gen(function* () {
  const replay = yield* Replay
  const report = yield* replay.run({ topicId: "topic_pub_conversations", runId: "incident-4711" })
  yield* Console.log(`${report.success} delivered, ${report.failed} failed, ${report.skipped} skipped`)
})

// CXONE_CLIENT_ID, CXONE_CLIENT_SECRET and CXONE_REGION come from the environment.
const Live = EventBridge.layerConfig().pipe(
  Layer.provide([Audit.layerFile("audit.jsonl"), CheckpointFiles.layer("checkpoints")]),
  Layer.provide(NodeEventBridge.layer)
)

program.pipe(
  Effect.provide(Live),
  Effect.tapError((error) => Console.error("hint" in error ? `${error.message}\n${error.hint}` : error.message)),
  Effect.tapDefect((defect) => Console.error(defect)),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
