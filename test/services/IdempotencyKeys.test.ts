import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Digest } from "effect/crypto"
import { createHash } from "node:crypto"
import { IdempotencyKeys, type KeyedWrite } from "../../src/index.ts"

const layer = IdempotencyKeys.layer.pipe(Layer.provide(Digest.layerWebCrypto))

const write: KeyedWrite = {
  method: "PUT",
  resource: "/api/v2/eventbridge/subscriptions/s1",
  definition: { name: "n", b: [1, 2.5], a: "é" },
  against: { name: "n" },
  generation: 0
}

const keyOf = (keyed: KeyedWrite) => Effect.flatMap(IdempotencyKeys, (keys) => keys.keyOf(keyed))

describe("the idempotency key of a write", () => {
  it.effect("is SHA-256 over its canonical JSON", () =>
    Effect.gen(function* () {
      const canonical =
        '{"against":{"name":"n"},"definition":{"a":"é","b":[1,2.5],"name":"n"},"generation":0,' +
        '"method":"PUT","resource":"/api/v2/eventbridge/subscriptions/s1"}'
      assert.strictEqual(yield* keyOf(write), createHash("sha256").update(canonical).digest("hex"))
    }).pipe(Effect.provide(layer))
  )

  it.effect("does not depend on the order of members", () =>
    Effect.gen(function* () {
      const reordered = { ...write, definition: { a: "é", name: "n", b: [1, 2.5] } }
      assert.strictEqual(yield* keyOf(reordered), yield* keyOf(write))
    }).pipe(Effect.provide(layer))
  )

  it.effect.each([
    { ...write, method: "POST" as const },
    { ...write, resource: "/api/v2/eventbridge/subscriptions/s2" },
    { ...write, definition: { name: "m" } },
    { ...write, against: { name: "before" } },
    { ...write, generation: 1 }
  ])("is another for another write %#", (other) =>
    Effect.gen(function* () {
      assert.notStrictEqual(yield* keyOf(other), yield* keyOf(write))
    }).pipe(Effect.provide(layer))
  )

  it.effect("can be made against half a surrogate pair that the service holds", () =>
    Effect.gen(function* () {
      const against = (description: string) => ({ ...write, against: { name: "n", list: [{ description }] } })
      assert.match(yield* keyOf(against("a \ud800")), /^[0-9a-f]{64}$/)
      assert.notStrictEqual(yield* keyOf(against("a \ud800")), yield* keyOf(against("b \ud800")))
    }).pipe(Effect.provide(layer))
  )

  it.effect("cannot be made of half a surrogate pair, and says so", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(keyOf({ ...write, definition: { name: "\ud800" } }))
      assert.include(refused.message, "urrogate")
    }).pipe(Effect.provide(layer))
  )
})
