import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Base64 } from "effect/encoding"
import { keyOf } from "../../src/domain/WebhookSecret.ts"

const secretOf = (length: number): string => `whsec_${Base64.encode(new Uint8Array(length).fill(7))}`

describe("WebhookSecret", () => {
  it.effect.prop(
    "the key is the bytes, whatever they are",
    [Schema.Uint8Array.check(Schema.isMinLength(24), Schema.isMaxLength(64))],
    ([bytes]) => Effect.sync(() => assert.deepStrictEqual(keyOf(`whsec_${Base64.encode(bytes)}`), Option.some(bytes)))
  )

  it.effect.each([24, 32, 64])("%i bytes are a key", (length) =>
    Effect.sync(() => assert.isTrue(Option.isSome(keyOf(secretOf(length)))))
  )

  it.effect.each<[string, string]>([
    ["nothing", ""],
    ["the prefix alone", "whsec_"],
    ["23 bytes", secretOf(23)],
    ["65 bytes", secretOf(65)],
    ["no prefix", secretOf(32).slice("whsec_".length)],
    ["another prefix", secretOf(32).replace("whsec_", "whpk_")],
    ["no base64", `whsec_${"s3cr!t~~".repeat(5)}`],
    ["base64 of URLs", `whsec_${"-_-_".repeat(9)}`],
    ["padding left out", secretOf(32).replaceAll("=", "")],
    ["a blank at the end", `${secretOf(24)} `]
  ])("%s is none", ([, secret]) => Effect.sync(() => assert.isTrue(Option.isNone(keyOf(secret)))))
})
