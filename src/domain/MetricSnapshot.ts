import { Schema } from "effect"

const Series = {
  name: Schema.String,
  description: Schema.String,
  /** The attributes of this series; those the application adds to all its metrics are among them. */
  attributes: Schema.Record(Schema.String, Schema.String)
}

/** One series of one metric, as it stood. */
export const MetricSnapshot = Schema.Union([
  Schema.Struct({ type: Schema.Literal("counter"), ...Series, value: Schema.Finite }),
  Schema.Struct({ type: Schema.Literal("gauge"), ...Series, value: Schema.Finite }),
  Schema.Struct({
    type: Schema.Literal("histogram"),
    ...Series,
    count: Schema.Natural,
    sum: Schema.Finite,
    min: Schema.Finite,
    max: Schema.Finite,
    /** Cumulative, as Prometheus has them: how many values were at most `le`. What is above the last is in `count` only. */
    buckets: Schema.Array(Schema.Struct({ le: Schema.Finite, count: Schema.Natural }))
  })
])
export type MetricSnapshot = typeof MetricSnapshot.Type
