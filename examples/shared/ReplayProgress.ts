// How far a run has come: a bar on a terminal, a line now and then elsewhere. On stderr: stdout is for the report.
import { Duration, Effect, Option, type Scope } from "effect"
import type { ReplayReport } from "../../src/index.ts"

const width = 24
const integer = new Intl.NumberFormat("en")

const barOf = (share: number): string => {
  const filled = Math.round(Math.min(1, share) * width)
  return "█".repeat(filled) + "░".repeat(width - filled)
}

const describe = (report: ReplayReport, total: Option.Option<number>): string => {
  const rate = report.seconds > 0 ? report.letters / report.seconds : 0
  const { failed, letters, skipped, success } = report
  const counts = `${integer.format(success)} delivered, ${integer.format(failed)} failed, ${integer.format(skipped)} skipped`
  const left = Option.match(total, {
    onNone: () => "",
    onSome: (all) =>
      rate === 0
        ? ", time left unknown"
        : `, ${Duration.format(Duration.seconds(Math.ceil((all - letters) / rate)))} left`
  })
  const of = Option.match(total, { onNone: () => "", onSome: (all) => ` of ${integer.format(all)}` })
  return `${integer.format(letters)}${of} letters: ${counts}, ${integer.format(Math.round(rate))}/s${left}`
}

const barLine = (report: ReplayReport, total: Option.Option<number>): string => {
  const bar = Option.match(total, {
    onNone: () => "",
    onSome: (all) => `${barOf(all === 0 ? 1 : report.letters / all)} `
  })
  return `${bar}${describe(report, total)}`
}

/** Shows the progress of a run until the scope closes. `total` may become known on the way. */
export const show = Effect.fnUntraced(function* (
  report: Effect.Effect<ReplayReport>,
  total: Effect.Effect<Option.Option<number>>
): Effect.fn.Return<void, never, Scope.Scope> {
  const { columns, isTTY } = process.stderr
  if (isTTY) {
    const draw = Effect.zipWith(report, total, (now, all) => {
      process.stderr.write(`\r\x1b[2K${barLine(now, all).slice(0, (columns || 80) - 1)}`)
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
  const line = Effect.zipWith(report, total, (now, all) => {
    // Nothing new, nothing said: a log is read later, and an hour of the same line hides what matters.
    if (now.letters !== said) process.stderr.write(`${describe(now, all)}\n`)
    said = now.letters
  })
  yield* Effect.addFinalizer(() => line)
  yield* Effect.sleep("2 seconds").pipe(Effect.andThen(line), Effect.forever, Effect.forkScoped)
})
