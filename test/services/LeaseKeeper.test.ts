import { assert, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import * as LeaseKeeper from "../../src/services/LeaseKeeper.ts"

const detailOf = (checked: Result.Result<void, { readonly detail: string }>): string | undefined =>
  Result.isFailure(checked) ? checked.failure.detail : undefined

it.effect("a lease is held as long as it is renewed", () =>
  Effect.gen(function* () {
    let renewals = 0
    const renew = Effect.sync(() => void renewals++)
    const { check } = yield* LeaseKeeper.keep("run r", renew)
    yield* TestClock.adjust("10 minutes")
    assert.strictEqual(renewals, 60)
    yield* check
  })
)

it.effect("a renewal that dies loses it", () =>
  Effect.gen(function* () {
    const { check } = yield* LeaseKeeper.keep("run r", Effect.die("torn"))
    yield* TestClock.adjust("9 seconds")
    yield* check
    yield* TestClock.adjust("1 second")
    assert.strictEqual(detailOf(yield* Effect.result(check)), "it could not be renewed: torn")
  })
)
