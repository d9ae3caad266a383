// Commands for the runs that a folder holds: to list them, and to forget one.
import { Console, Effect, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Checkpoints, describeHolder, type StoredRun } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import { count, printable, printableLines } from "./ReportTable.ts"
import * as State from "./State.ts"

const state = Flag.String("state").pipe(Flag.withDescription("Folder of the runs"))

const head = ["run", "state", "letters", "delivered", "failed", "skipped", "started", "last settled", "topic"]

const cells = (run: StoredRun): ReadonlyArray<string> =>
  run.state === "unreadable"
    ? [run.runId, run.state]
    : [
        run.runId,
        run.state,
        ...[run.letters, run.success, run.failed, run.skipped].map(count),
        run.startedAt,
        run.lastSettledAt ?? "-",
        run.topicId
      ]

const remark = (run: StoredRun): ReadonlyArray<string> => {
  if (run.state === "unreadable") return [`${run.why}\n${run.hint}`]
  if (run.holder !== null) return [`run ${run.runId} is in progress in ${describeHolder(run.holder)}`]
  return run.why === null ? [] : [`run ${run.runId} halted: ${run.why}`]
}

const table = (found: ReadonlyArray<StoredRun>): string => {
  const rows = [head, ...found.map(cells)].map((row) => row.map(printable))
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const isFigure = (column: number) => column >= 2 && column <= 5
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (isFigure(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd()
  )
  return [...lines, ...found.flatMap(remark).map(printableLines)].join("\n")
}

export const runs = Command.make(
  "runs",
  {
    state,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("End with the runs as one line of JSON"),
      Flag.withDefault(false)
    )
  },
  ({ json, state: folder }) =>
    Effect.gen(function* () {
      const found = yield* (yield* Checkpoints).list
      yield* Console.log(found.length === 0 ? "There are no runs." : table(found))
      if (json) yield* Console.log(JSON.stringify(found))
    }).pipe(Effect.provide(State.runs(folder)))
).pipe(
  Command.withDescription("Lists the runs a folder holds, and where each stands"),
  Command.provide(NodeEventBridge.layer)
)

class NoSuchRun extends Schema.TaggedError<NoSuchRun>()("NoSuchRun", { runId: Schema.String, state: Schema.String }) {
  readonly hint = "`runs` lists the runs there are."
  override get message(): string {
    return `there is no run ${this.runId} in "${this.state}"`
  }
}

export const forget = Command.make(
  "forget",
  { runId: Argument.String("run-id").pipe(Argument.withDescription("The run")), state },
  ({ runId, state: folder }) =>
    Effect.gen(function* () {
      if (!(yield* (yield* Checkpoints).remove(runId))) return yield* new NoSuchRun({ runId, state: folder })
      yield* Console.log(`Run ${printable(runId)} was forgotten. Its audit records are kept.`)
    }).pipe(Effect.provide(State.runs(folder)))
).pipe(
  Command.withDescription("Removes what is kept of a run, so that it can no longer be resumed"),
  Command.provide(NodeEventBridge.layer)
)
