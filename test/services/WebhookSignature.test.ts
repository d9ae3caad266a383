import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { Base64 } from "effect/encoding"
import { Webhook } from "standardwebhooks"
import * as WebhookSignature from "../../src/services/WebhookSignature.ts"
import { webhookSecret } from "./Support.ts"

const signed = (secret: string, message: WebhookSignature.Signed) =>
  WebhookSignature.make(Redacted.make(secret)).pipe(
    Effect.flatMap((sign) => sign(message)),
    Effect.provide(WebhookSignature.layerWebCrypto)
  )

const Key = Schema.Uint8Array.check(Schema.isMinLength(24), Schema.isMaxLength(64))

describe("WebhookSignature", () => {
  it.effect("is the one of the published example", () =>
    Effect.gen(function* () {
      const message = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: '{"test": 2432232314}' }
      assert.deepStrictEqual(yield* signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", message), {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
      })
    })
  )

  it.effect.prop(
    "is what a receiver computes, whatever the key and the message",
    [Key, Schema.String, Schema.Natural.check(Schema.isLessThan(10_000_000_000)), Schema.String],
    ([bytes, id, timestamp, body]) =>
      Effect.gen(function* () {
        const secret = `whsec_${Base64.encode(bytes)}`
        const headers = yield* signed(secret, { id, timestamp, body })
        const expected = new Webhook(secret).sign(id, new Date(timestamp * 1000), body)
        assert.strictEqual(headers["webhook-signature"], expected)
      })
  )

  it.effect("an invalid secret signs nothing, and is not shown", () =>
    Effect.gen(function* () {
      const secret = webhookSecret.slice(0, -8)
      const failure = yield* Effect.flip(signed(secret, { id: "1", timestamp: 1, body: "{}" }))
      assert.strictEqual(failure._tag, "WebhookFailure")
      assert.strictEqual(
        failure.detail,
        "the request could not be signed: the secret is not whsec_ and the base64 of 24 to 64 bytes"
      )
      assert.isFalse(failure.isRetryable)
      assert.notInclude(`${String(failure)}${JSON.stringify(failure)}`, secret)
    })
  )
})
