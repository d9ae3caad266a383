import { Effect, Option } from "effect"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import type { Subscription } from "../domain/Subscription.ts"
import { changesBetween, heldDefinition } from "../domain/SubscriptionChange.ts"
import type { SubscriptionDefinition } from "../domain/SubscriptionDefinition.ts"
import { type InvalidSubscription, WriteNotApplied } from "../domain/SubscriptionError.ts"
import { EventBridgeHttp, type SubscriptionWrite } from "../services/EventBridgeHttp.ts"
import { IdempotencyKeys, type KeyedWrite } from "../services/IdempotencyKeys.ts"

/** A write that is known to have been done. */
export interface Written {
  /** As the service holds it after the write. */
  readonly subscription: Subscription
  readonly idempotencyKey: string
}

export type WriteError = EventBridgeError | InvalidSubscription | WriteNotApplied

/** So often a write is sent under another key before it is given up. */
const maxGenerations = 64

const resource = "/api/v2/eventbridge/subscriptions"

/**
 * Writes that are read back. The service answers an idempotency key it knows from memory and does nothing, so an answer
 * does not show that a write was done: where the service does not hold what was written, the next generation of the key
 * is sent.
 */
export const make = Effect.gen(function* () {
  const http = yield* EventBridgeHttp
  const keys = yield* IdempotencyKeys

  const find = (id: string) =>
    http.getSubscription(id).pipe(
      Effect.map(Option.some),
      Effect.catchReason("EventBridgeError", "NotFound", () => Effect.succeed(Option.none<Subscription>()))
    )

  const write = Effect.fnUntraced(function* (
    keyed: Omit<KeyedWrite, "generation"> & { readonly definition: SubscriptionDefinition },
    send: (request: SubscriptionWrite) => Effect.Effect<Subscription, EventBridgeError>
  ): Effect.fn.Return<Written, WriteError> {
    const { definition } = keyed
    for (let generation = 0; generation < maxGenerations; generation++) {
      const idempotencyKey = yield* keys.keyOf({ ...keyed, generation })
      const { id } = yield* send({ definition, idempotencyKey })
      const held = yield* find(id)
      if (Option.isSome(held) && changesBetween(held.value, definition).length === 0) {
        return { subscription: held.value, idempotencyKey }
      }
    }
    return yield* new WriteNotApplied({ name: definition.name, generations: maxGenerations })
  })

  const create = (definition: SubscriptionDefinition) =>
    write({ method: "POST", resource, definition, against: null }, http.createSubscription)

  const update = (held: Subscription, definition: SubscriptionDefinition) =>
    write({ method: "PUT", resource: `${resource}/${held.id}`, definition, against: heldDefinition(held) }, (request) =>
      http.updateSubscription(held.id, request)
    )

  return { create, find, update }
})
