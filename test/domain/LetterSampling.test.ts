import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as LetterSampling from "../../src/domain/LetterSampling.ts"

/** The places, from 1, of the letters that are traced. */
const traced = (share: number | undefined, letters: number): ReadonlyArray<number> => {
  const isTraced = LetterSampling.make(share)
  return Array.from({ length: letters }, (_, index) => (isTraced() ? [index + 1] : [])).flat()
}

describe("letters that are traced", () => {
  it("are all of a small run, and few of a million", () => {
    assert.lengthOf(traced(undefined, 1000), 1000)
    const many = traced(undefined, 1_000_000)
    assert.strictEqual(many.length, 1000 + 9990)
    assert.deepStrictEqual(many.slice(1000, 1003), [1100, 1200, 1300])
  })

  it("are all with a share of 1, none with 0, and evenly spread between", () => {
    assert.lengthOf(traced(1, 5000), 5000)
    assert.lengthOf(traced(0, 5000), 0)
    assert.deepStrictEqual(traced(0.25, 12), [1, 5, 9])
    assert.deepStrictEqual(traced(0.001, 3000), [1, 1001, 2001])
  })

  it.prop(
    "are the share that was asked for, give or take one",
    {
      share: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
      letters: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3000 }))
    },
    ({ letters, share }) => {
      assert.approximately(traced(share, letters).length, letters * share, 1.01)
    }
  )
})
