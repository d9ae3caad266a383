import { Context, Effect, Layer, type Scope } from "effect"
import { HttpServer, type HttpServerRequest, type HttpServerResponse } from "effect/http"
import type { ConnectionReset } from "./ConnectionReset.ts"
import * as EmulatorApp from "./EmulatorApp.ts"
import { type EmulatorOptions, resolve } from "./EmulatorOptions.ts"
import * as EmulatorState from "./EmulatorState.ts"
import type { EmulatorStats } from "./EmulatorStats.ts"
import type { InvalidQueue } from "./LetterSource.ts"

/**
 * A stateful EventBridge: tokens, a dead letter queue in pages, replays with idempotency keys, and faults on request.
 * It reads time from `Clock`, so a `TestClock` decides when tokens expire and outages end.
 */
export class Emulator extends Context.Service<
  Emulator,
  {
    readonly topicId: string
    /** Answers one request, or fails with `ConnectionReset`; so may the stream of an answer's body. */
    readonly app: Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      ConnectionReset,
      HttpServerRequest.HttpServerRequest | Scope.Scope
    >
    /** What `GET /__emulator/stats` answers. */
    readonly stats: Effect.Effect<EmulatorStats>
  }
>()("effect-cxone-eventbridge/emulator/Emulator") {
  /** Fails only when `options.queue` holds a text that is no JSON. */
  static readonly make = Effect.fnUntraced(function* (options: EmulatorOptions = {}) {
    const state = yield* EmulatorState.make(resolve(options))
    const app = yield* EmulatorApp.make(state)
    return Emulator.of({ topicId: state.options.topicId, app, stats: state.stats })
  })

  static readonly layer = (options: EmulatorOptions = {}): Layer.Layer<Emulator, InvalidQueue> =>
    Layer.effect(Emulator, Emulator.make(options)).pipe(Layer.provide(HttpServer.layerServices))
}
