import { Schema } from "effect"

/** How often each thing was seen, by its name. */
export const Counts = Schema.Record(Schema.String, Schema.Natural)
export type Counts = typeof Counts.Type

/**
 * At most this many names from outside are counted separately; the others share one entry, which keeps counts small.
 */
const maxNames = 100
const others = "(others)"

export const increase = (counts: Map<string, number>, name: string, by = 1): void => {
  counts.set(name, (counts.get(name) ?? 0) + by)
}

export const increaseBounded = (counts: Map<string, number>, name: string, by = 1): void =>
  increase(counts, counts.has(name) || counts.size < maxNames ? name : others, by)

/** What stands for a failure reason if the service names none. */
export const noReason = "(none given)"
