// A library of its own on top of the packed package: its declarations can name whatever the package hands out.
import { Effect } from "effect"
import {
  type ApplyIncomplete,
  Audit,
  CheckpointFiles,
  Checkpoints,
  CheckpointSql,
  DeadLetterQueue,
  EventBridge,
  EventBridgeConfig,
  EventBridgeHttp,
  IdempotencyKeys,
  Metrics,
  Notifier,
  Registry,
  Replay,
  RunStore,
  Subscriptions,
  Token,
  Transport
} from "effect-cxone-eventbridge"
import { Emulator, EmulatorClient, EmulatorServer } from "effect-cxone-eventbridge/emulator"
import { NodeEventBridge } from "effect-cxone-eventbridge/node"

export const layers = [
  EventBridge.layerConfig(),
  Audit.layerFile("audit.jsonl"),
  CheckpointFiles.layer("checkpoints"),
  CheckpointSql.layer,
  NodeEventBridge.layer,
  EmulatorClient.layerEmulator({}),
  EmulatorServer.layer
]

// Members, spread: types that a service's own name would hide stand in the declarations.
export const checkpoints = Checkpoints.useSync((service) => ({ ...service }))
export const queue = DeadLetterQueue.useSync((service) => ({ ...service }))
export const config = EventBridgeConfig.useSync((service) => ({ ...service }))
export const http = EventBridgeHttp.useSync((service) => ({ ...service }))
export const keys = IdempotencyKeys.useSync((service) => ({ ...service }))
export const metrics = Metrics.useSync((service) => ({ ...service }))
export const notifier = Notifier.useSync((service) => ({ ...service }))
export const registry = Registry.useSync((service) => ({ ...service }))
export const replay = Replay.useSync((service) => ({ ...service }))
export const runs = RunStore.useSync((service) => ({ ...service }))
export const subscriptions = Subscriptions.useSync((service) => ({ ...service }))
export const token = Token.useSync((service) => ({ ...service }))
export const transport = Transport.useSync((service) => ({ ...service }))
export const emulator = Emulator.useSync((service) => ({ ...service }))

/** A service of theirs, made of one of ours. */
export const quiet = Effect.map(EventBridgeHttp.make, (service) => ({ ...service, authorize: () => Effect.void }))

export const failures = (error: ApplyIncomplete) => error.failures
export const heldBack = (error: ApplyIncomplete) => error.heldBack
