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
 * Which process this is, and whether another one still lives: what one has left behind when it died can then be taken at
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
 * Whether what the owner holds is free for others. `isExpired`: it has given no sign of life for as long as it may. One
 * that lives is left what it holds, also when it gives none: it may have been stopped, and continue at any moment. Only of
 * itself a process knows that it would have given one.
 */
export const isGone = Effect.fnUntraced(function* (owner: ProcessOwner, isExpired: boolean) {
  const { self, stateOf } = yield* ProcessIdentity
  const isOwn = owner.host === self.host && owner.pid === self.pid && owner.instance === self.instance
  const state = yield* stateOf(owner)
  return state === "dead" || (isExpired && (isOwn || state === "unknown"))
})
