// An application on the whole library: node embed-all.ts FOLDER
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { Audit, CheckpointFiles, EventBridge, Replay } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"

const folder = process.argv[2] ?? "."

const live = EventBridge.layerConfig().pipe(
  Layer.provide([Audit.layerFile(join(folder, "audit.jsonl")), CheckpointFiles.layer(join(folder, "checkpoints"))]),
  Layer.provide(NodeEventBridge.layer)
)

const program = Effect.flatMap(Replay, ({ run }) => run({ runId: "embedded" }))

const { failed } = await Effect.runPromise(Effect.provide(program, live))
process.exitCode = failed === 0 ? 0 : 2
