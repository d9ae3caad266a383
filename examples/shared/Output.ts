// What a program writes: its results to stdout, and to stderr what it says on the way.
import { Effect, Schema } from "effect"
import * as SystemProblem from "./SystemProblem.ts"

export class OutputLost extends Schema.TaggedError<OutputLost>()("OutputLost", { problem: Schema.String }) {
  override get message(): string {
    return `The output could not be written to stdout: ${this.problem}.`
  }
}

/** The first error of stdout. */
let lost: Error | undefined

/** Without a listener, an error of either stream would end the program in the middle of its work. */
export const listen = (): void => {
  // Messages that nobody can read are dropped.
  process.stderr.on("error", () => {})
  process.stdout.on("error", (error) => (lost ??= error))
}

/**
 * Waits until stdout has accepted what was written, and fails if it could not. A reader that has closed it, as `head`
 * does, wanted no more: the program ends as if it had been read to the end, and what became of the reader is shown by
 * the reader's own exit code.
 */
export const written: Effect.Effect<void, OutputLost> = Effect.callback((resume) => {
  process.stdout.write("", (error) => {
    // When a write has just failed, this callback runs before the listener.
    lost ??= error ?? undefined
    resume(
      lost === undefined || SystemProblem.codeOf(lost) === "EPIPE"
        ? Effect.void
        : Effect.fail(new OutputLost({ problem: SystemProblem.inWords(lost) }))
    )
  })
})

/** On a terminal a message replaces the progress bar; elsewhere there is none. */
export const freshLine = (): string => (process.stderr.isTTY ? "\r\x1b[2K" : "")

/** Says something while progress may be shown. */
export const say = (text: string) => Effect.sync(() => void process.stderr.write(`${freshLine()}${text}\n`))

/** Ends the process once stderr has accepted what was said. */
export const exit = (code: number): void => void process.stderr.write("", () => process.exit(code))
