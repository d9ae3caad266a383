import { Effect, Layer } from "effect"
import { Digest } from "effect/crypto"
import { hash } from "node:crypto"

/**
 * Hashes by `crypto.hash`, in one step. `NodeCrypto.layerDigest` makes an object for each hash, which costs a line of an
 * audit as much again.
 */
export const layer: Layer.Layer<Digest.Digest> = Layer.succeed(Digest.Digest, {
  digest: (algorithm, data) => Effect.sync(() => new Uint8Array(hash(algorithm.name, data, "buffer"))),
  digestHex: (algorithm, data) => Effect.sync(() => hash(algorithm.name, data, "hex"))
})
