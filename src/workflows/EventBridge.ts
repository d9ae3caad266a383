import { type Config, Layer } from "effect"
import { Digest } from "effect/crypto"
import type { HttpClient } from "effect/http"
import type { KeyValueStore } from "effect/persistence"
import type { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import type { Audit } from "../services/Audit.ts"
import { Checkpoints } from "../services/Checkpoints.ts"
import { EventBridgeConfig } from "../services/EventBridgeConfig.ts"
import type { EventBridgeOptions } from "../services/EventBridgeOptions.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import { IdempotencyKeys } from "../services/IdempotencyKeys.ts"
import { Metrics } from "../services/Metrics.ts"
import { Notifier } from "../services/Notifier.ts"
import { Registry } from "../services/Registry.ts"
import { Token } from "../services/Token.ts"
import { Transport } from "../services/Transport.ts"
import { DeadLetterQueue } from "./DeadLetterQueue.ts"
import { Replay } from "./Replay.ts"
import { Subscriptions } from "./Subscriptions.ts"

/** What the library consists of. */
export type EventBridge =
  | Checkpoints
  | DeadLetterQueue
  | EventBridgeConfig
  | EventBridgeHttp
  | IdempotencyKeys
  | Metrics
  | Notifier
  | Registry
  | Replay
  | Subscriptions
  | Token
  | Transport

/** What it leaves to the application: how to reach the network, where checkpoints are kept, where the audit goes. */
export type Requirements = Audit | HttpClient.HttpClient | KeyValueStore.KeyValueStore

// SHA-256 from the platform's Web Crypto, which every runtime that Effect runs on has.
const keys = Layer.provide(IdempotencyKeys.layer, Digest.layerWebCrypto)

const services = Layer.mergeAll(Notifier.layer, Registry.layer, Checkpoints.layer, DeadLetterQueue.layer, keys).pipe(
  Layer.provideMerge(EventBridgeHttp.layer),
  Layer.provideMerge(Token.layer),
  Layer.provideMerge(Transport.layer),
  Layer.provideMerge(Metrics.layer),
  Layer.provide(Transport.layerLimitsMemory)
)

const whole = Layer.provideMerge(Layer.merge(Replay.layer, Subscriptions.layer), services)

/**
 * Layers are memoized by reference, whatever they are provided with: the ones above would give a second configuration
 * the services of the first. So each configuration builds its own; one that is used in two places is still built once.
 */
const configured = <E>(config: Layer.Layer<EventBridgeConfig, E>) =>
  Layer.suspend(() => Layer.fresh(Layer.provideMerge(whole, config)))

/**
 * The whole library in one layer. Several of them, for example one per tenant, share nothing but what they are provided
 * with. To swap one of its services, compose the services' own layers instead.
 */
export const EventBridge = {
  /** Configured in code. Fails with every issue the options have. */
  layer: (options: EventBridgeOptions): Layer.Layer<EventBridge, InvalidConfiguration, Requirements> =>
    configured(EventBridgeConfig.layer(options)),

  /** Configured from the environment; `options` sets what the environment does not. See `EventBridgeConfig.layerConfig`. */
  layerConfig: (
    options?: Parameters<typeof EventBridgeConfig.layerConfig>[0]
  ): Layer.Layer<EventBridge, InvalidConfiguration | Config.ConfigError, Requirements> =>
    configured(EventBridgeConfig.layerConfig(options))
} as const
