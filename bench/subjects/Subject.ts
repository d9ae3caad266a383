// What the measured processes have in common: their input, the measuring, and the one line they answer with.

/** What a subject found out about itself. */
export interface Found {
  /** Letters, records or reads. */
  readonly events: number
  readonly seconds: number
  /** Of the whole process, all its threads. */
  readonly cpuMicros: number
  readonly peakRssBytes: number
}

/** The input that the bench gives as the one argument. */
export const input = <Input>(): Input => JSON.parse(process.argv[2] ?? "{}")

/** Measures once; what came before was for warming up. */
export const measure = async (
  events: number,
  run: () => Promise<void> | void
): Promise<Omit<Found, "peakRssBytes">> => {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await run()
  const seconds = (performance.now() - start) / 1000
  const { system, user } = process.cpuUsage(cpu)
  return { events, seconds, cpuMicros: user + system }
}

/** Answers the bench: the measurement, the peak memory of the process so far, and figures of its own. */
export const answer = (found: Omit<Found, "peakRssBytes">, figures: Readonly<Record<string, number>> = {}): void => {
  const peakRssBytes = process.resourceUsage().maxRSS * 1024
  process.stdout.write(`${JSON.stringify({ ...found, peakRssBytes, figures })}\n`)
}

// The bench holds the standard input of its subjects: without the bench they end.
process.stdin.resume().on("close", () => process.exit(1))
process.stdin.unref()
