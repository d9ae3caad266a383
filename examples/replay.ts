// Replays a dead letter queue: node examples/replay.ts --topic ID --state DIR
import { Console, Effect, FileSystem, Layer, Option, Path, Ref, Schema, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { KeyValueStore } from "effect/persistence"
import { Audit, Replay, ReplayHalted, type ReplayReport } from "../src/index.ts"
import { NodeEventBridge } from "../src/node/index.ts"
import { ExitWith, main } from "./shared/Program.ts"
import * as ReplayProgress from "./shared/ReplayProgress.ts"
import * as ReportTable from "./shared/ReportTable.ts"
import * as Service from "./shared/Service.ts"

const flags = {
  topic: Flag.String("topic").pipe(
    Flag.withDescription("Topic whose dead letters to replay; CXONE_TOPIC_ID by default"),
    Flag.optional
  ),
  destination: Flag.String("destination").pipe(
    Flag.withDescription("Deliver to this https URL instead of the topic"),
    Flag.optional
  ),
  concurrency: Flag.Int("concurrency").pipe(Flag.withDescription("Letters on their way at once (16)"), Flag.optional),
  pageSize: Flag.Int("page-size").pipe(Flag.withDescription("Letters a page, at most (50)"), Flag.optional),
  maxAttempts: Flag.Int("max-attempts").pipe(
    Flag.withDescription("Skip letters beyond this attempt (5)"),
    Flag.optional
  ),
  runId: Flag.String("run-id").pipe(
    Flag.withDescription("Name of the run; one that was cut off goes on, given the same --state"),
    Flag.withSchema(Schema.NonEmptyString),
    Flag.optional
  ),
  state: Flag.String("state").pipe(
    Flag.withDescription("Folder for checkpoints and audit.jsonl; nothing is kept without it"),
    Flag.optional
  ),
  reason: Flag.String("reason").pipe(
    Flag.withDescription("Only letters whose failure reason contains this"),
    Flag.optional
  ),
  limit: Flag.Int("limit").pipe(Flag.withDescription("Replay so many letters, then stop"), Flag.optional),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Read and count only; send nothing"),
    Flag.withDefault(false)
  ),
  letters: Flag.Int("letters").pipe(
    Flag.withDescription(`Letters in the embedded emulator (${Service.defaultLetters})`),
    Flag.withSchema(Schema.Natural),
    Flag.optional
  ),
  faults: Flag.String("faults").pipe(
    Flag.withDescription("What goes wrong on the embedded emulator: none, few, all, or a list (see README)"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("End with the report as one line of JSON"),
    Flag.withDefault(false)
  )
}

/** Checkpoints and audit in a folder, or in memory. */
const storage = (state: Option.Option<string>) =>
  Option.match(state, {
    onNone: () => Layer.merge(KeyValueStore.layerMemory, Audit.layerMemory),
    onSome: (folder) =>
      Layer.unwrap(
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const path = yield* Path.Path
          yield* fs.makeDirectory(folder, { recursive: true })
          return Layer.merge(
            KeyValueStore.layerFileSystem(path.join(folder, "checkpoints")),
            Audit.layerFile(path.join(folder, "audit.jsonl"))
          )
        })
      )
  })

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** The command that goes on with the run. */
const resumeCommand = (runId: string): string => {
  const given = process.argv.slice(2)
  const args = given.includes("--run-id") ? given : [...given, "--run-id", runId]
  return ["node", "examples/replay.ts", ...args].map(shellWord).join(" ")
}

const conclude = Effect.fnUntraced(function* (report: ReplayReport, options: { json: boolean; canResume: boolean }) {
  yield* Console.log(ReportTable.ofReport(report))
  if (report.status === "halted") {
    yield* Console.error(
      options.canResume
        ? `Halted; nothing that was not tried counts as failed. To go on:\n  ${resumeCommand(report.runId)}`
        : "Halted; without --state a run cannot go on. Run again: what was delivered is then a duplicate and skipped."
    )
  }
  if (options.json) yield* Console.log(JSON.stringify(report))
  const code = report.status === "halted" ? 3 : report.failed > 0 ? 2 : 0
  if (code !== 0) return yield* new ExitWith({ code })
})

export const replay = Command.make(
  "replay",
  flags,
  Effect.fnUntraced(function* (input) {
    const destination = Option.getOrUndefined(input.destination)
    // Whoever types a destination means its host; that it is https and public is checked all the same.
    const host = destination === undefined ? undefined : URL.parse(destination)?.hostname
    const service = yield* Service.choose({
      letters: input.letters,
      faults: input.faults,
      allowedHosts: host === undefined ? [] : [host]
    })
    if (!service.isEmulated && (Option.isSome(input.letters) || Option.isSome(input.faults))) {
      return yield* new NotEmulated()
    }
    const request = {
      topicId: Option.getOrUndefined(input.topic),
      destination,
      concurrency: Option.getOrUndefined(input.concurrency),
      pageSize: Option.getOrUndefined(input.pageSize),
      maxAttempts: Option.getOrUndefined(input.maxAttempts),
      runId: Option.getOrUndefined(input.runId),
      failureReason: Option.getOrUndefined(input.reason),
      limit: Option.getOrUndefined(input.limit)
    }

    const plan = Effect.gen(function* () {
      const found = yield* (yield* Replay).plan(request)
      yield* Console.log(ReportTable.ofPlan(found))
      if (input.json) yield* Console.log(JSON.stringify({ status: "planned", ...found }))
    })

    const run = Effect.gen(function* () {
      const started = yield* (yield* Replay).start(request)
      yield* Console.error(`Run ${started.runId} on ${service.name}`)
      const known = service.isEmulated
        ? Option.orElse(input.letters, () => Option.some(Service.defaultLetters))
        : Option.none()
      const total = yield* Ref.make(Option.orElse(input.limit, () => known))
      const outcome = yield* Effect.scoped(
        Effect.andThen(
          ReplayProgress.show(started.report, Ref.get(total)),
          Effect.result(Stream.runDrain(started.outcomes))
        )
      ).pipe(
        Effect.onInterrupt(() =>
          Console.error(
            Option.isSome(input.state)
              ? `Interrupted. To go on:\n  ${resumeCommand(started.runId)}`
              : "Interrupted; without --state a run cannot go on. Run again: what was delivered is then skipped."
          )
        )
      )
      if (outcome._tag === "Failure" && !(outcome.failure instanceof ReplayHalted)) return yield* outcome.failure
      yield* conclude(yield* started.report, { json: input.json, canResume: Option.isSome(input.state) })
    }).pipe(Effect.scoped)

    return yield* (input.dryRun ? plan : run).pipe(
      Effect.provide(service.layer.pipe(Layer.provide(storage(input.state)), Layer.provide(NodeEventBridge.layer)))
    )
  })
).pipe(Command.withDescription("Delivers the events of a dead letter queue again, each once"))

class NotEmulated extends Schema.TaggedError<NotEmulated>()("NotEmulated", {}) {
  override readonly message = "--letters and --faults are for the embedded emulator; CXONE_* names a real service."
}

if (import.meta.main) main(replay)
