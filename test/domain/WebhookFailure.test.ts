import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option } from "effect"
import { ofAnswer } from "../../src/domain/WebhookFailure.ts"

const cap = Duration.minutes(2)

describe("WebhookFailure", () => {
  it.effect.each([408, 425, 429, 500, 501, 502, 503, 504, 507, 599])("%i may be tried again", (status) =>
    Effect.sync(() =>
      assert.deepInclude(ofAnswer(status, Option.none(), cap), { detail: `it answered ${status}`, isRetryable: true })
    )
  )

  it.effect.each([199, 301, 302, 304, 400, 401, 403, 404, 405, 409, 410, 413, 422, 600])("%i is final", (status) =>
    Effect.sync(() => {
      const failure = ofAnswer(status, Option.some(Duration.seconds(1)), cap)
      assert.deepInclude(failure, { detail: `it answered ${status}`, isRetryable: false })
      assert.isUndefined(failure.retryAfterMillis)
    })
  )

  it.effect("a pause it asks for is waited for, up to the cap; a longer one ends the call", () =>
    Effect.sync(() => {
      assert.deepInclude(ofAnswer(503, Option.some(cap), cap), { isRetryable: true, retryAfterMillis: 120_000 })
      assert.deepInclude(ofAnswer(429, Option.some(Duration.hours(1)), cap), {
        detail: "it answered 429 and asks for a pause of 1h",
        isRetryable: false,
        retryAfterMillis: 3_600_000
      })
      const { retryAfterMillis } = ofAnswer(429, Option.some(Duration.infinity), cap)
      assert.strictEqual(retryAfterMillis, Number.MAX_SAFE_INTEGER)
    })
  )
})
