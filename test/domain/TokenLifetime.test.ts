import { assert, describe, it } from "@effect/vitest"
import { Duration, Schema } from "effect"
import { fallback, ofExpiresIn, refreshAfter } from "../../src/domain/TokenLifetime.ts"

const seconds = (expiresIn: unknown) => Duration.toSeconds(ofExpiresIn(expiresIn))

describe("TokenLifetime", () => {
  it.each([
    [3600, 3600],
    [86400, 86400],
    ["3600", 3600],
    [90_000, 90_000],
    [1.5, 1.5],
    [1, 1]
  ])("%j is believed", (expiresIn, life) => {
    assert.strictEqual(seconds(expiresIn), life)
  })

  it.each([
    undefined,
    null,
    0,
    -0,
    -1,
    "0",
    "-1",
    "",
    "abc",
    "3600s",
    0.5,
    5e-324,
    1e12,
    90_001,
    NaN,
    Infinity,
    true,
    {},
    [],
    [3600]
  ])("%j is not: 55 minutes", (expiresIn) => {
    assert.strictEqual(seconds(expiresIn), 3300)
  })

  it.prop(
    "a life is no shorter than a second and no longer than 25 hours, whatever is claimed",
    [Schema.Unknown],
    ([claimed]) => {
      assert.isAtLeast(seconds(claimed), 1)
      assert.isAtMost(seconds(claimed), 25 * 3600)
    }
  )

  it.each([
    [3600, 3540],
    [86_400, 86_340],
    [301, 241],
    [300, 240],
    [299, 239.2],
    [100, 80],
    [1, 0.8]
  ])("a life of %d s is used for %d s", (life, used) => {
    assert.closeTo(Duration.toSeconds(refreshAfter(Duration.seconds(life))), used, 0.001)
  })

  it("the fallback is refreshed a minute early, too", () => {
    assert.strictEqual(Duration.toMinutes(refreshAfter(fallback)), 54)
  })

  it.prop(
    "the next token is always fetched before the end",
    [Schema.Number.check(Schema.isBetween({ minimum: 0.01, maximum: 90_000 }))],
    ([life]) => {
      assert.isBelow(Duration.toMillis(refreshAfter(Duration.seconds(life))), life * 1000)
    }
  )
})
