// What every program here has in common: how it ends, and what it says when it cannot go on.
import { NodeServices } from "@effect/platform-node"
import { Cause, Config, Console, Data, Effect, Exit, Logger, Predicate, Runtime } from "effect"
import { CliError, CliOutput, Command } from "effect/cli"
import { clientVersion } from "../../src/index.ts"
import * as Output from "./Output.ts"
import * as ReportTable from "./ReportTable.ts"
import * as StopSignal from "./StopSignal.ts"

/** Ends the program with this code; everything there is to say has been said. */
export class ExitWith extends Data.TaggedError("ExitWith")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
}

/** A wrong flag is answered with what is wrong, not with a page of help. */
const presenter = CliOutput.layerPresenter({
  present: (output) =>
    output._tag === "InvalidInvocation"
      ? Console.error(
          `${output.errors
            .slice(0, 1)
            .map(({ message }) => message)
            .join("\n")}\nSee --help.`
        )
      : CliOutput.defaultPresenter.present(output)
})

/** On stderr: stdout is for results. */
const logger = Logger.layer([
  Logger.withConsoleError(
    Logger.map(Logger.formatSimple, (text) => `${Output.freshLine()}${ReportTable.printableLines(text)}`)
  )
])

/** What is wrong, then what to do about it. Never a stack trace: these are failures, not faults of the program. */
const explain = (error: unknown): string => {
  if (error instanceof Config.ConfigError) return error.message
  const message = Predicate.hasProperty(error, "message") ? String(error.message) : String(error)
  const hint = Predicate.hasProperty(error, "hint") ? `\n${String(error.hint)}` : ""
  return `${message}${hint}`
}

/** Says what an effect fails with, so that only the exit code is left to tell. */
export const told = Effect.catch((error: unknown) =>
  Effect.andThen(
    CliError.isCliError(error) || error instanceof ExitWith
      ? Effect.void
      : Console.error(ReportTable.printableLines(explain(error))),
    // Also where the help was shown because a subcommand was missing: nothing was done.
    Effect.fail(new ExitWith({ code: CliError.isCliError(error) ? 1 : Runtime.getErrorExitCode(error) }))
  )
)

/** As `NodeRuntime.runMain`, but a second Ctrl-C does not wait for the first, and what was written is not cut off. */
const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  Output.listen()
  const signals = StopSignal.listen(() => fiber.interruptUnsafe(fiber.id))
  fiber.addObserver((exit) => {
    signals.close()
    teardown(exit, (code) => {
      if (code !== 0 || signals.hasCome()) Output.exit(code)
    })
  })
})

/** Runs a command as the program: exit code 1 and one message for whatever it fails with, unless it says otherwise. */
export const main = <Name extends string, Input, ContextInput, E>(
  command: Command.Command<Name, Input, ContextInput, E, NodeServices.NodeServices>,
  args: ReadonlyArray<string> = process.argv.slice(2)
): void =>
  Command.runWith(command, { version: clientVersion })(args).pipe(
    // A program that has failed keeps its exit code.
    Effect.onExit((exit) =>
      Exit.isSuccess(exit) ? Output.written : Effect.catch(Output.written, ({ message }) => Console.error(message))
    ),
    told,
    // A fault of the program itself: here the stack trace is what helps.
    Effect.tapDefect((defect) => Console.error(Cause.pretty(Cause.die(defect)))),
    Effect.provide([NodeServices.layer, presenter, logger]),
    runMain({ disableErrorReporting: true })
  )
