import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Digest } from "effect/crypto"
import * as NodeDigest from "../../src/node/NodeDigest.ts"

const algorithms = [Digest.md5, Digest.sha1, Digest.sha256, Digest.sha384, Digest.sha512]

const all = (data: Uint8Array) =>
  Effect.gen(function* () {
    const digest = yield* Digest.Digest
    const bytes = yield* Effect.forEach(algorithms, (algorithm) => digest.digest(algorithm, data))
    const hex = yield* Effect.forEach(algorithms, (algorithm) => digest.digestHex(algorithm, data))
    return { bytes, hex }
  })

describe("NodeDigest", () => {
  it.effect.prop("hashes as Web Crypto does", [Schema.String], ([text]) =>
    Effect.gen(function* () {
      const data = new TextEncoder().encode(text)
      assert.deepStrictEqual(
        yield* Effect.provide(all(data), NodeDigest.layer),
        yield* Effect.provide(all(data), Digest.layerWebCrypto)
      )
    })
  )

  it.effect("the bytes of a hash are the caller's own", () =>
    Effect.gen(function* () {
      const digest = yield* Digest.Digest
      const bytes = yield* digest.digest(Digest.sha256, new Uint8Array())
      assert.strictEqual(bytes.buffer.byteLength, 32)
    }).pipe(Effect.provide(NodeDigest.layer))
  )
})
