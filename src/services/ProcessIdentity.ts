import { Context, Effect, Schema } from "effect"
import { SecureRandom } from "effect/crypto"

/** A process that holds something, as it names itself to others. */
export const ProcessOwner = Schema.Struct({
  /** Where its `pid` means something: two processes with the same `host` see each other. */
  host: Schema.String,
  pid: Schema.Int,
  /** Differs between two processes that were given the same `pid` one after the other. */
  instance: Schema.String
})
export type ProcessOwner = typeof ProcessOwner.Type

/**
 * Which process this is, and whether another one is still alive: what a dead one has left behind can then be taken at
 * once. `effect-cxone-eventbridge/node` knows; by default nothing is known of any other process.
 */
export const ProcessIdentity = Context.Reference<{
  readonly self: ProcessOwner
  /** `unknown` where it cannot be seen from here. */
  readonly stateOf: (owner: ProcessOwner) => Effect.Effect<"alive" | "dead" | "unknown">
}>("effect-cxone-eventbridge/services/ProcessIdentity", {
  defaultValue: () => {
    const self: ProcessOwner = { host: "", pid: 0, instance: SecureRandom.uuidV7Unsafe() }
    return { self, stateOf: ({ instance }) => Effect.succeed(instance === self.instance ? "alive" : "unknown") }
  }
})

/**
 * Whether what the owner holds is free for others. `isExpired`: the owner has shown no sign of life for as long as is
 * allowed. One that is alive keeps what it holds even then: it may have been suspended, and can continue at any moment.
 * Only about itself does a process know that it would have shown one.
 */
export const isGone = Effect.fnUntraced(function* (owner: ProcessOwner, isExpired: boolean) {
  const { self, stateOf } = yield* ProcessIdentity
  const isOwn = owner.host === self.host && owner.pid === self.pid && owner.instance === self.instance
  const state = yield* stateOf(owner)
  return state === "dead" || (isExpired && (isOwn || state === "unknown"))
})
