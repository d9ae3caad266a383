import { assert, it } from "@effect/vitest"
import { ratio, summarize } from "../../bench/Statistics.ts"

it("the median is the middle one, or between the two in the middle", () => {
  assert.deepStrictEqual(summarize([10, 9, 100]), { median: 10, min: 9, max: 100, samples: [10, 9, 100] })
  assert.strictEqual(summarize([4, 1, 3, 2]).median, 2.5)
  assert.strictEqual(summarize([7]).median, 7)
})

it("a ratio is taken round by round: what slows a whole round down changes nothing", () => {
  const compared = ratio(summarize([50, 5, 50]), summarize([100, 10, 100]))
  assert.deepStrictEqual(compared, { median: 0.5, min: 0.5, max: 0.5, samples: [0.5, 0.5, 0.5] })
})
