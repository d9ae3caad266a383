import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type EmulatorOptions, FaultPlan } from "../../src/emulator/index.ts"
import { json, list, stats, token, withEmulator } from "./Harness.ts"

const withRates = (rates: FaultPlan.FaultPlan["rates"]): EmulatorOptions => ({ faults: { seed: 1, rates } })

describe("emulator: options", () => {
  it.effect.each<[EmulatorOptions, string]>([
    [{ letters: -1 }, "letters: must be a whole number of 0 or more"],
    [{ letters: 1.5 }, "letters: must be a whole number of 0 or more"],
    [{ letters: Number.NaN }, "letters: must be a whole number of 0 or more"],
    [{ pastRetries: 50 }, "pastRetries: must be a share from 0 to 1"],
    [{ oversize: -0.1 }, "oversize: must be a share from 0 to 1"],
    [{ tokenLifetime: -1 }, "tokenLifetime: must be a number of seconds of 0 or more"],
    [JSON.parse('{"pages":"raged"}'), "pages: must be full or ragged"],
    [{ keyRetention: Number.NaN }, "keyRetention: must be a duration of 0 or more, such as 5 minutes"],
    [{ keyRetention: -1 }, "keyRetention: must be a duration of 0 or more, such as 5 minutes"],
    [withRates({ "5xx": { rate: 2 } }), "faults.rates.5xx.rate: must be a share from 0 to 1"],
    [withRates({ "5xx": { rate: Number.NaN } }), "faults.rates.5xx.rate: must be a share from 0 to 1"],
    [withRates({ "429": { rate: 0.6 }, slow: { rate: 0.6 } }), "faults.rates: must add up to 1 at most"],
    [withRates(Object.fromEntries([["5xxx", { rate: 1 }]])), "faults.rates: must be of the kinds 429, 5xx,"],
    [
      { letters: -1, oversize: 2 },
      "letters: must be a whole number of 0 or more\noversize: must be a share from 0 to 1"
    ]
  ])("%j is refused", ([options, expected]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(withEmulator(options)(stats))
      assert.strictEqual(error._tag, "InvalidConfiguration")
      assert.isTrue(error.message.startsWith(expected), error.message)
    })
  )

  it.effect.each<EmulatorOptions>([
    { letters: 0, pastRetries: 1, oversize: 1, tokenLifetime: 0, keyRetention: 0 },
    { letters: Infinity, keyRetention: Infinity, tokenLifetime: Infinity },
    { faults: FaultPlan.all },
    withRates({ "429": { rate: 0.1 }, "5xx": { rate: 0.2 }, slow: { rate: 0.7 } })
  ])("%j is taken", (options) => withEmulator(options)(stats))

  it.effect("what is undefined is left out", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      assert.strictEqual(json(yield* list(bearer)).events.length, 50)
    }).pipe(
      withEmulator({
        topicId: undefined,
        letters: undefined,
        queue: undefined,
        pages: undefined,
        faults: undefined,
        script: undefined,
        keyRetention: undefined,
        subscriptions: undefined,
        delivery: { activeAfterPolls: undefined, error: undefined }
      })
    )
  )
})
