import { Schema } from "effect"

/**
 * Latencies in buckets that grow by 2 %: a percentile is right to within 1 % whatever the number of letters, in constant
 * memory, and two histograms add up. Keys are bucket numbers, values counts.
 */
export const LatencyHistogram = Schema.Array(Schema.Tuple([Schema.Int, Schema.Int]))
export type LatencyHistogram = typeof LatencyHistogram.Type

const growth = Math.log(1.02)
/** Below a tenth of a millisecond everything is the same. */
const floor = 0.1

export const bucketOf = (millis: number): number => Math.round(Math.log(Math.max(millis, floor) / floor) / growth)

const valueOf = (bucket: number): number => floor * Math.exp(bucket * growth)

/** The latency that the given share (0 to 1) of all letters stayed within, in milliseconds; 0 when there are none. */
export const percentile = (buckets: ReadonlyMap<number, number>, share: number): number => {
  const sorted = Array.from(buckets).toSorted(([left], [right]) => left - right)
  const rank = Math.ceil(share * sorted.reduce((total, [, count]) => total + count, 0))
  let seen = 0
  for (const [bucket, count] of sorted) {
    seen += count
    if (seen >= rank) return Math.round(valueOf(bucket) * 10) / 10
  }
  return 0
}
