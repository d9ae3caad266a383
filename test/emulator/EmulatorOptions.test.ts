import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { resolve } from "../../src/emulator/EmulatorOptions.ts"

it.effect("an option that is undefined is as one that is left out: a test may hand on options of its own", () =>
  Effect.sync(() => {
    const resolved = resolve({
      topicId: undefined,
      letters: undefined,
      queue: undefined,
      pastRetries: undefined,
      oversize: undefined,
      seed: undefined,
      clientId: undefined,
      clientSecret: undefined,
      scopes: undefined,
      tokenLifetime: undefined,
      pages: undefined,
      faults: undefined,
      script: undefined,
      keyRetention: undefined,
      subscriptions: undefined,
      delivery: undefined
    })
    assert.deepStrictEqual(resolved, resolve({}))
  })
)
