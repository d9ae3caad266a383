// What a measurement found.
import { three } from "./Figures.ts"
import type { Found } from "./SubjectProcess.ts"
import { type Summary, summarize } from "./Statistics.ts"

/** The figures of one alternative, by name with unit. */
export interface Row {
  readonly name: string
  readonly figures: Readonly<Record<string, Summary>>
}

const relations = {
  "at least": (value: number, limit: number) => value >= limit,
  "more than": (value: number, limit: number) => value > limit,
  "at most": (value: number, limit: number) => value <= limit,
  "less than": (value: number, limit: number) => value < limit
}

/** What a figure has to be. */
export interface Demand {
  readonly relation: keyof typeof relations
  readonly value: number
}

/** A figure compared with another, and whether it meets its demand. */
export interface Comparison {
  readonly what: string
  readonly unit: string
  readonly summary: Summary
  readonly demand: Demand | null
  readonly isMet: boolean | null
}

export interface Outcome {
  readonly rows: ReadonlyArray<Row>
  readonly comparisons: ReadonlyArray<Comparison>
  /** What must be known to read the figures. */
  readonly notes: ReadonlyArray<string>
}

export const row = (name: string, figures: Readonly<Record<string, ReadonlyArray<number>>>): Row => ({
  name,
  figures: Object.fromEntries(Object.entries(figures).map(([figure, samples]) => [figure, summarize(samples)]))
})

/** A sample, in words. */
export const tell = ({ events, seconds }: Found): string => `${three(events / seconds)}/s`

/** Events per second. */
export const rateOf = (samples: ReadonlyArray<Found>): Summary =>
  summarize(samples.map(({ events, seconds }) => events / seconds))

/** What each costs, in microseconds of CPU time of the whole process. */
export const costOf = (samples: ReadonlyArray<Found>): Summary =>
  summarize(samples.map(({ cpuMicros, events }) => cpuMicros / events))

/** The figures every subject has, then its own; `events` says what it works on, in the plural. */
export const rowOf = (name: string, events: string, samples: ReadonlyArray<Found>): Row => {
  const own = Object.keys(samples[0]?.figures ?? {})
  return row(name, {
    [`${events}/s`]: rateOf(samples).samples,
    "CPU µs each": costOf(samples).samples,
    "peak RSS MB": samples.map((found) => found.peakRssBytes / 2 ** 20),
    ...Object.fromEntries(own.map((figure) => [figure, samples.map(({ figures }) => figures[figure] ?? Number.NaN)]))
  })
}

export const comparison = (
  what: string,
  summary: Summary,
  options: { readonly unit?: string; readonly demand?: Demand | undefined } = {}
): Comparison => {
  const { demand, unit = "" } = options
  const isMet = demand === undefined ? null : relations[demand.relation](summary.median, demand.value)
  return { what, unit, summary, demand: demand ?? null, isMet }
}
