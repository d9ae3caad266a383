// How far a run has come: a bar on a terminal, a line now and then elsewhere. On stderr: stdout is for the report.
import { Duration, Effect, Option, type Scope } from "effect"
import type { ReplayReport } from "../../src/index.ts"
import * as Output from "./Output.ts"

const width = 12
const integer = new Intl.NumberFormat("en")

const barOf = (share: number): string => {
  const filled = Math.round(Math.min(1, share) * width)
  return "█".repeat(filled) + "░".repeat(width - filled)
}

const rateOf = ({ letters, seconds }: ReplayReport): number => (seconds > 0 ? letters / seconds : 0)

const timeLeft = (report: ReplayReport, total: Option.Option<number>): string | undefined =>
  Option.match(total, {
    onNone: () => undefined,
    onSome: (all) => {
      const rate = rateOf(report)
      if (report.letters >= all || report.status !== "running") return undefined
      return rate === 0
        ? "time left unknown"
        : `${Duration.format(Duration.seconds(Math.ceil((all - report.letters) / rate)))} left`
    }
  })

/** Counts, rate and time left, in words. */
const line = (report: ReplayReport, total: Option.Option<number>): string => {
  const { failed, letters, skipped, success } = report
  const of = Option.match(total, { onNone: () => "", onSome: (all) => ` of ${integer.format(all)}` })
  const counts = `${integer.format(success)} delivered, ${integer.format(failed)} failed, ${integer.format(skipped)} skipped`
  const rate = `${integer.format(Math.round(rateOf(report)))}/s`
  return [`${integer.format(letters)}${of} letters: ${counts}`, rate, timeLeft(report, total)]
    .filter((part) => part !== undefined)
    .join(", ")
}

/** The same within the 80 columns of a terminal. */
const bar = (report: ReplayReport, total: Option.Option<number>): string => {
  const { failed, letters, skipped, success } = report
  return [
    Option.match(total, {
      onNone: () => integer.format(letters),
      onSome: (all) => `${barOf(all === 0 ? 1 : letters / all)} ${integer.format(letters)}/${integer.format(all)}`
    }),
    `${integer.format(success)} ok`,
    `${integer.format(failed)} failed`,
    `${integer.format(skipped)} skipped`,
    `${integer.format(Math.round(rateOf(report)))}/s`,
    timeLeft(report, total)
  ]
    .filter((part) => part !== undefined)
    .join("  ")
}

/** Shows the progress of a run until the scope closes. `total` may become known on the way. */
export const show = Effect.fnUntraced(function* (
  report: Effect.Effect<ReplayReport>,
  total: Effect.Effect<Option.Option<number>>
): Effect.fn.Return<void, never, Scope.Scope> {
  const { stderr } = process
  if (stderr.isTTY) {
    // The width is read each time: in a terminal made narrower, a bar too wide would wrap and fill it line by line.
    const draw = Effect.zipWith(report, total, (now, all) => {
      stderr.write(`${Output.freshLine()}${bar(now, all).slice(0, (stderr.columns || 80) - 1)}`)
    })
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        draw,
        Effect.sync(() => process.stderr.write("\n"))
      )
    )
    yield* draw.pipe(Effect.andThen(Effect.sleep("100 millis")), Effect.forever, Effect.forkScoped)
    return
  }
  let said = 0
  const sayLine = Effect.zipWith(report, total, (now, all) => {
    // Only if something has changed: a log is read later, and an hour of the same line hides what matters.
    if (now.letters !== said) process.stderr.write(`${line(now, all)}\n`)
    said = now.letters
  })
  yield* Effect.addFinalizer(() => sayLine)
  yield* Effect.sleep("2 seconds").pipe(Effect.andThen(sayLine), Effect.forever, Effect.forkScoped)
})
