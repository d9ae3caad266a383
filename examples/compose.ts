import { Layer } from "effect"
import {
  Checkpoints,
  DeadLetterQueue,
  EventBridgeConfig,
  EventBridgeHttp,
  Metrics,
  Notifier,
  Replay,
  Token,
  Transport
} from "../src/index.ts"

/** `Replay` alone. Instances that share a rate limit provide other stores than those in memory, such as Redis. */
export const ReplayLive = Replay.layer.pipe(
  Layer.provide([Checkpoints.layer, DeadLetterQueue.layer, Notifier.layerWith({ queueSize: 100_000 })]),
  Layer.provide(EventBridgeHttp.layer),
  Layer.provide(Token.layer),
  Layer.provide(Transport.layer),
  Layer.provide([Metrics.layer, EventBridgeConfig.layerConfig(), Transport.layerLimitsMemory])
)
