// Ctrl-C, SIGTERM, and SIGHUP of a terminal that was closed: the first one asks, a second one ends the program at once.
import { Effect, type Scope } from "effect"

const signals: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGTERM", "SIGHUP"]

/** npm forwards to the program what the terminal has already sent it: one Ctrl-C arrives twice. */
const sameMillis = 1000

/** The exit code of a program that was interrupted. */
const interruptedCode = 130

/** What the program does on them, besides ending with that code. */
export interface Manners {
  readonly onFirst: () => void
  /** The last words of the program, on stderr. */
  readonly onSecond: () => string
}

let manners: Manners | undefined

/** Listens to them as long as the program runs. By default the first one does what is given here. */
export const listen = (byDefault: () => void) => {
  let last: { readonly at: number; readonly manners: Manners | undefined } | undefined
  const onSignal = () => {
    const at = performance.now()
    if (last !== undefined && at - last.at < sameMillis) return
    // Each part of the program that handles them has a first one of its own.
    const isFirst = last === undefined || (manners !== undefined && manners !== last.manners)
    if (isFirst) {
      last = { at, manners }
      if (manners === undefined) byDefault()
      else manners.onFirst()
    } else {
      if (manners !== undefined) process.stderr.write(`\n${manners.onSecond()}\n`)
      process.exit(interruptedCode)
    }
  }
  for (const signal of signals) process.on(signal, onSignal)
  return {
    hasCome: () => last !== undefined,
    close: () => {
      for (const signal of signals) process.off(signal, onSignal)
    }
  }
}

/** Until the scope closes, the first one runs this effect and interrupts nothing. */
export const instead = <R>(
  onFirst: Effect.Effect<void, never, R>,
  onSecond: () => string
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.acquireRelease(
    Effect.map(Effect.context<R>(), (context) => {
      manners = { onFirst: () => void Effect.runForkWith(context)(onFirst), onSecond }
    }),
    () => Effect.sync(() => (manners = undefined))
  )
