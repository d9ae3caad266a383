import canonicalize from "canonicalize"
import { Context, Effect, Layer, Result } from "effect"
import { Digest } from "effect/crypto"
import { InvalidSubscription } from "../domain/SubscriptionError.ts"

/** What identifies a write of a subscription. */
export interface KeyedWrite {
  readonly method: "POST" | "PUT"
  /** The path written to. */
  readonly resource: string
  readonly definition: unknown
  /** What an update was computed against: the same change, wanted again later, is another write. */
  readonly against: unknown
  /** 0 at first; one more each time the service answered a key from memory without doing what it asks. */
  readonly generation: number
}

/**
 * Idempotency keys of subscriptions: SHA-256 over RFC 8785 JSON of what identifies a write. A retry repeats the key,
 * even from a restarted process; any other write has another.
 */
export class IdempotencyKeys extends Context.Service<
  IdempotencyKeys,
  {
    readonly keyOf: (write: KeyedWrite) => Effect.Effect<string, InvalidSubscription>
  }
>()("effect-cxone-eventbridge/services/IdempotencyKeys") {
  static readonly make = Effect.gen(function* () {
    const digest = yield* Digest.Digest
    const keyOf = Effect.fnUntraced(function* (write: KeyedWrite) {
      const text = yield* encode(write).pipe(
        Result.orElse(() => encode({ ...write, against: wellFormed(write.against) })),
        Result.mapError((issue) => new InvalidSubscription({ issues: [{ path: "", issue }] })),
        Effect.fromResult
      )
      return yield* digest.digestHex(Digest.sha256, new TextEncoder().encode(text))
    })
    return IdempotencyKeys.of({ keyOf })
  })

  static readonly layer: Layer.Layer<IdempotencyKeys, never, Digest.Digest> = Layer.effect(
    IdempotencyKeys,
    IdempotencyKeys.make
  )
}

const encode = (write: KeyedWrite) => Result.try({ try: () => canonicalize(write), catch: String })

/**
 * RFC 8785 cannot encode half a surrogate pair. No valid definition has one, but one that the service holds becomes
 * U+FFFD.
 */
const wellFormed = (held: unknown): unknown =>
  held === undefined
    ? undefined
    : JSON.parse(JSON.stringify(held), (_, value: unknown) =>
        typeof value === "string" ? value.toWellFormed() : value
      )
