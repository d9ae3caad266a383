import { PgClient } from "@effect/sql-pg"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import { Audit, CheckpointSql, EventBridge, Replay } from "../src/index.ts"
import { NodeEventBridge } from "../src/node/index.ts"

const program = Effect.gen(function* () {
  const replay = yield* Replay
  for (const run of yield* replay.runs) yield* Console.log(`${run.runId}: ${run.state}`)
})

const Live = EventBridge.layerConfig().pipe(
  Layer.provide([Audit.layerLogger, CheckpointSql.layer]),
  Layer.provide([NodeEventBridge.layer, PgClient.layerConfig({ url: Config.Redacted("DATABASE_URL") })])
)

program.pipe(
  Effect.provide(Live),
  Effect.tapError(({ message }) => Console.error(message)),
  Effect.tapDefect((defect) => Console.error(defect)),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
