// A run from start to report, with its progress, its exit code, and how to resume it.
import { Console, Effect, Option, Ref, Stream } from "effect"
import { relative, resolve } from "node:path"
import { Replay, ReplayHalted, type ReplayReport, type RunRequest } from "../../src/index.ts"
import * as Output from "./Output.ts"
import { ExitWith } from "./Program.ts"
import * as ReplayProgress from "./ReplayProgress.ts"
import * as ReportTable from "./ReportTable.ts"
import * as StopSignal from "./StopSignal.ts"

export interface RunOptions {
  readonly request: RunRequest
  readonly serviceName: string
  /** Letters in the queue, if that is known. */
  readonly letters: Option.Option<number>
  /** Whether the run is kept, so that it can be resumed later. */
  readonly isKept: boolean
  readonly json: boolean
}

/** What a terminal would take for a command, in an escaped form that bash and zsh turn back into it. */
const escaped = (characters: string): string =>
  Array.from(new TextEncoder().encode(characters), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")

const root = resolve(import.meta.dirname, "../..")

const shellWord = (word: string): string => {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  return /[\p{Cc}\p{Cf}]/u.test(word)
    ? `$'${word.replaceAll(/[\\']/g, "\\$&").replaceAll(/[\p{Cc}\p{Cf}]/gu, escaped)}'`
    : `'${word.replaceAll("'", `'\\''`)}'`
}

/** The command that resumes a run: the one given, with the run's id. */
const resumeCommand = ({ request }: RunOptions, runId: string): string => {
  const given = process.argv.slice(2)
  const args = request.runId === undefined ? [...given, "--run-id", runId] : given
  const program = process.argv[1] ?? ""
  // `npx node` is the repository's Node only within the repository.
  const isInside = !relative(root, process.cwd()).startsWith("..")
  const command = isInside ? ["npx", "node", relative(process.cwd(), program)] : [process.execPath, program]
  return [...command, ...args].map(shellWord).join(" ")
}

const howToResume = (options: RunOptions, runId: string): string =>
  options.isKept
    ? `To resume it:\n  ${resumeCommand(options, runId)}`
    : "This run kept no state, so it cannot be resumed (see --state of replay.ts). Run it again: letters already delivered are skipped as duplicates."

const stopping = "Stopping: letters in flight have 10 s to finish. Press Ctrl-C again to exit at once."

/** On a terminal somebody waits and wants to know how long: the queue is counted while the run goes on. */
const countQueue = Effect.fnUntraced(function* ({ letters, request }: RunOptions) {
  const total = yield* Ref.make(Option.orElse(Option.fromUndefinedOr(request.limit), () => letters))
  if (process.stderr.isTTY && Option.isNone(yield* Ref.get(total))) {
    const counted = Effect.flatMap((yield* Replay).plan(request), (plan) => Ref.set(total, Option.some(plan.letters)))
    // Without a count the time left is not shown, and nothing else is lost.
    yield* Effect.forkScoped(Effect.ignore(counted))
  }
  return Ref.get(total)
})

/** What to see to before the run is resumed; nothing, if it was asked to stop. */
const whatToDo = ({ hint, reason }: ReplayHalted): string => (reason._tag === "RunStopped" ? "" : ` ${hint}`)

const conclude = Effect.fnUntraced(function* (
  report: ReplayReport,
  halted: ReplayHalted | undefined,
  options: RunOptions
) {
  yield* Console.log(ReportTable.ofReport(report, options.serviceName))
  if (report.status === "halted") {
    const advice = halted === undefined ? "" : whatToDo(halted)
    yield* Console.error(
      `Halted; letters not yet sent are not counted as failed.${advice} ${howToResume(options, report.runId)}`
    )
  }
  if (options.json) yield* Console.log(JSON.stringify({ ...report, service: options.serviceName }))
  const code = report.status === "halted" ? 3 : report.failed > 0 ? 2 : 0
  if (code !== 0) return yield* new ExitWith({ code })
})

export const runReplay = Effect.fnUntraced(function* (options: RunOptions) {
  const { outcomes, report, runId, stop } = yield* (yield* Replay).start(options.request)
  yield* StopSignal.instead(Effect.andThen(Output.say(stopping), stop), () => howToResume(options, runId))
  const name = `Run ${ReportTable.printable(runId)}`
  const isComplete = (yield* report).status === "completed"
  yield* Console.error(
    isComplete ? `${name} is already complete: nothing is sent.` : `${name} on ${options.serviceName}`
  )
  const total = yield* countQueue(options)
  const ended = yield* Effect.scoped(
    Effect.andThen(ReplayProgress.show(report, total), Effect.result(Stream.runDrain(outcomes)))
  )
  const failure = ended._tag === "Failure" ? ended.failure : undefined
  if (failure !== undefined && !(failure instanceof ReplayHalted)) return yield* failure
  return yield* conclude(yield* report, failure, options)
}, Effect.scoped)
