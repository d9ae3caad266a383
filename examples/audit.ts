// Checks audit files: node examples/audit.ts verify FILE… --head HASH
import { Console, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Audit, type AuditVerification } from "../src/index.ts"
import { NodeEventBridge } from "../src/node/index.ts"
import { ExitWith, main } from "./shared/Program.ts"
import * as SystemProblem from "./shared/SystemProblem.ts"

const integer = new Intl.NumberFormat("en")

/** What was found, and what a chain cannot show. */
const describe = ({ fault, head, lines, notedLine }: AuditVerification, isHeadNoted: boolean): string => {
  const found = [`${integer.format(lines)} lines are intact${head === null ? "" : `, head ${head}`}`]
  if (fault !== null) return [...found, `FAULT in ${fault.file}, line ${fault.line}: ${fault.problem}`].join("\n")
  return [
    ...found,
    isHeadNoted && notedLine !== null
      ? `The noted head is line ${integer.format(notedLine)} of the chain: nothing up to it is missing.`
      : "A chain alone cannot show whether lines were cut off at its end: give the head that was noted when it was written (--head)."
  ].join("\n")
}

const verify = Command.make(
  "verify",
  {
    files: Argument.File("file").pipe(
      Argument.withDescription("Files of one audit, in the order they were written: audit.*.jsonl audit.jsonl"),
      Argument.atLeast(1)
    ),
    head: Flag.String("head").pipe(
      Flag.withDescription("The head that was noted: auditHead in a report"),
      Flag.optional
    ),
    after: Flag.String("after").pipe(
      Flag.withDescription("The head the first file continues from, if the files before it are kept elsewhere"),
      Flag.optional
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("End with the result as one line of JSON"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ after, files, head, json }) {
    const found = yield* Effect.mapError(
      Audit.verify(files, { head: Option.getOrUndefined(head), after: Option.getOrUndefined(after) }),
      (error) =>
        error._tag === "InvalidConfiguration" ? error : new Unreadable({ problem: SystemProblem.withPath(error) })
    )
    yield* Console.log(describe(found, Option.isSome(head)))
    if (json) yield* Console.log(JSON.stringify(found))
    if (found.fault !== null) return yield* new ExitWith({ code: 1 })
  })
).pipe(Command.withDescription("Checks that no line was changed, removed, duplicated or moved"))

class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", { problem: Schema.String }) {
  readonly hint = "Name files that you may read."
  override get message(): string {
    return `cannot be verified: ${this.problem}`
  }
}

const audit = Command.make("audit").pipe(
  Command.withDescription("Works with audit files"),
  Command.withSubcommands([verify]),
  Command.provide(NodeEventBridge.layer)
)

main(audit)
