import { Clock, Context, Effect, Layer, type Scope } from "effect"
import { HttpServer, type HttpServerRequest, type HttpServerResponse } from "effect/http"
import type { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import type { Subscription } from "../domain/Subscription.ts"
import type { ConnectionReset } from "./ConnectionReset.ts"
import * as EmulatorApp from "./EmulatorApp.ts"
import { type EmulatorOptions, resolve } from "./EmulatorOptions.ts"
import * as EmulatorState from "./EmulatorState.ts"
import type { EmulatorStats } from "./EmulatorStats.ts"
import type { InvalidQueue } from "./LetterSource.ts"

/**
 * A stateful EventBridge: tokens, subscriptions, a dead letter queue in pages, idempotency keys, and faults on request.
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
    /** The subscriptions it holds, oldest first, each as its `GET` would show it. */
    readonly subscriptions: Effect.Effect<ReadonlyArray<Subscription>>
    /** Deletes behind every client's back; returns whether there was one of this id. */
    readonly removeSubscription: (id: string) => Effect.Effect<boolean>
    /** Makes a second one of the same definition; `undefined` when there is none of this id. No limit applies. */
    readonly duplicateSubscription: (id: string) => Effect.Effect<Subscription | undefined>
  }
>()("effect-cxone-eventbridge/emulator/Emulator") {
  /** Fails when options make no sense, and when `options.queue` holds something that is not JSON. */
  static readonly make = Effect.fnUntraced(function* (options: EmulatorOptions = {}) {
    const state = yield* EmulatorState.make(yield* Effect.fromResult(resolve(options)))
    const app = yield* EmulatorApp.make(state)
    const { subscriptions } = state
    return Emulator.of({
      topicId: state.options.topicId,
      app,
      stats: state.stats,
      subscriptions: Effect.sync(() => subscriptions.all()),
      removeSubscription: (id) => Effect.sync(() => subscriptions.remove(id)),
      duplicateSubscription: (id) => Effect.map(Clock.currentTimeMillis, (now) => subscriptions.duplicate(id, now))
    })
  })

  static readonly layer = (options: EmulatorOptions = {}): Layer.Layer<Emulator, InvalidConfiguration | InvalidQueue> =>
    Layer.effect(Emulator, Emulator.make(options)).pipe(Layer.provide(HttpServer.layerServices))
}
