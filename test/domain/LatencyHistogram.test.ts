import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { bucketOf, percentile } from "../../src/domain/LatencyHistogram.ts"

const histogramOf = (latencies: ReadonlyArray<number>): ReadonlyMap<number, number> => {
  const buckets = new Map<number, number>()
  for (const latency of latencies) {
    const bucket = bucketOf(latency)
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
  }
  return buckets
}

const exact = (latencies: ReadonlyArray<number>, share: number): number =>
  latencies.toSorted((left, right) => left - right)[Math.max(Math.ceil(share * latencies.length), 1) - 1] ?? 0

const Latency = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 600_000 }))
const Share = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

describe("LatencyHistogram", () => {
  it.prop(
    "percentiles are within 1 % of the exact ones, or a tenth of a millisecond",
    [Schema.Array(Latency).check(Schema.isMinLength(1)), Share],
    ([latencies, share]) => {
      const right = exact(latencies, share)
      const tolerance = Math.max(0.0101 * right + 0.05, 0.1)
      assert.closeTo(percentile(histogramOf(latencies), share), right, tolerance)
    },
    { arbitrary: { runs: 1000 } }
  )

  it("percentiles of 1 to 1000 ms", () => {
    const buckets = histogramOf(Array.from({ length: 1000 }, (_, index) => index + 1))
    assert.closeTo(percentile(buckets, 0.5), 500, 5)
    assert.closeTo(percentile(buckets, 0.95), 950, 10)
    assert.closeTo(percentile(buckets, 0.99), 990, 10)
    assert.closeTo(percentile(buckets, 1), 1000, 10)
  })

  it("the memory does not grow with the number of latencies", () => {
    const day = 86_400_000
    const buckets = histogramOf(Array.from({ length: 50_000 }, (_, index) => (index * day) / 50_000))
    assert.isBelow(buckets.size, 1100)
  })

  it("is 0 when there are none, and the floor for latencies of nothing", () => {
    assert.strictEqual(percentile(new Map(), 0.5), 0)
    assert.strictEqual(percentile(histogramOf([0, 0, 0]), 0.99), 0.1)
  })
})
