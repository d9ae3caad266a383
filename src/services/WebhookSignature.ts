import { Effect, Layer, Option, Redacted } from "effect"
import { Digest, Mac, SecureRandom } from "effect/crypto"
import { Base64 } from "effect/encoding"
import { WebhookFailure } from "../domain/WebhookFailure.ts"
import * as WebhookSecret from "../domain/WebhookSecret.ts"

/** The parts of a try that are signed. */
export interface Signed {
  /** The same for each try of a message. Without a full stop, which ends it in the signed text. */
  readonly id: string
  /** Of the try, in epoch seconds. */
  readonly timestamp: number
  /** The body as it goes out, byte by byte. */
  readonly body: string
}

/** Signs by Standard Webhooks, version 1: HMAC-SHA-256 over id, time and body. Returns the headers of the try. */
export const make = Effect.fnUntraced(function* (secret: Redacted.Redacted) {
  const mac = yield* Mac.Mac
  const encoder = new TextEncoder()
  // Once: Web Crypto imports a key on its first use, and knows it again.
  const key = yield* Effect.cached(
    Effect.gen(function* () {
      const bytes = WebhookSecret.keyOf(Redacted.value(secret))
      if (Option.isNone(bytes)) return yield* unsigned("the secret is not whsec_ and the base64 of 24 to 64 bytes")
      return yield* Mac.key(Mac.hmacSha256, bytes.value)
    })
  )
  return Effect.fnUntraced(
    function* ({ body, id, timestamp }: Signed) {
      const tag = yield* mac.sign(yield* key, encoder.encode(`${id}.${timestamp}.${body}`))
      return {
        "webhook-id": id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": `v1,${Base64.encode(tag)}`
      }
    },
    Effect.catchTag("CryptoError", ({ message }) => Effect.fail(unsigned(message)))
  )
})

/** What cannot be signed is not sent: the receiver would refuse it or, worse, accept it. */
const unsigned = (why: string) =>
  new WebhookFailure({ detail: `the request could not be signed: ${why}`, isRetryable: false })

/** By the platform's Web Crypto, which every runtime that Effect runs on has. `WebCrypto.layer` gives another. */
export const layerWebCrypto: Layer.Layer<Digest.Digest | Mac.Mac> = Layer.merge(
  Digest.layerWebCrypto,
  Layer.provide(Mac.layerWebCrypto, SecureRandom.layerWebCrypto)
)
