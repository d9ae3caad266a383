// Summaries of figures that were taken several times.

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly samples: ReadonlyArray<number>
}

export const summarize = (samples: ReadonlyArray<number>): Summary => {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
    samples
  }
}

/** Taken round by round, because what disturbs a machine for a while disturbs both; the median of all rounds. */
export const ratio = (of: Summary, to: Summary): Summary =>
  summarize(of.samples.map((value, round) => value / (to.samples[round] ?? Number.NaN)))
