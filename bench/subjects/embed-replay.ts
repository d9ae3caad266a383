// An application that only replays, and uses nothing else of the library: node embed-replay.ts FOLDER
import { Effect, Layer } from "effect"
import { join } from "node:path"
import {
  Audit,
  CheckpointFiles,
  Checkpoints,
  DeadLetterQueue,
  EventBridgeConfig,
  EventBridgeHttp,
  Metrics,
  Notifier,
  Replay,
  Token,
  Transport
} from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"

const folder = process.argv[2] ?? "."

const live = Replay.layer.pipe(
  Layer.provide([DeadLetterQueue.layer, Checkpoints.layer, Notifier.layerNoop]),
  Layer.provide(EventBridgeHttp.layer),
  Layer.provide(Token.layer),
  Layer.provide(Transport.layer),
  Layer.provide(Metrics.layer),
  Layer.provide(Transport.layerLimitsMemory),
  Layer.provide(EventBridgeConfig.layerConfig()),
  Layer.provide([Audit.layerFile(join(folder, "audit.jsonl")), CheckpointFiles.layer(join(folder, "checkpoints"))]),
  Layer.provide(NodeEventBridge.layer)
)

const program = Effect.flatMap(Replay, ({ run }) => run({ runId: "embedded" }))

const { failed } = await Effect.runPromise(Effect.provide(program, live))
process.exitCode = failed === 0 ? 0 : 2
