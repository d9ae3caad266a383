// The replay of a dead letter queue as a command: its flags, and what it does.
import { Console, Effect, Layer, Option, Schema } from "effect"
import { type Command, Flag } from "effect/cli"
import { type EventBridgeOptions, Replay } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import * as ReportTable from "./ReportTable.ts"
import { runReplay } from "./RunReplay.ts"
import * as Service from "./Service.ts"
import * as State from "./State.ts"

export const flags = {
  topic: Flag.String("topic").pipe(
    Flag.withDescription("Topic whose dead letters to replay; CXONE_TOPIC_ID by default"),
    Flag.optional
  ),
  destination: Flag.String("destination").pipe(
    Flag.withDescription("Deliver to this https URL instead of the topic"),
    Flag.optional
  ),
  concurrency: Flag.Int("concurrency").pipe(Flag.withDescription("Letters in flight at once (16)"), Flag.optional),
  pageSize: Flag.Int("page-size").pipe(Flag.withDescription("Letters per page, at most (50)"), Flag.optional),
  maxAttempts: Flag.Int("max-attempts").pipe(
    Flag.withDescription("Skip letters beyond this attempt (5)"),
    Flag.optional
  ),
  runId: Flag.String("run-id").pipe(
    Flag.withDescription("Name of the run; one that was cut off is resumed, given the same --state"),
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
  limit: Flag.Int("limit").pipe(Flag.withDescription("Replay at most this many letters"), Flag.optional),
  maxFailureShare: Flag.Finite("max-failure-share").pipe(
    Flag.withDescription("Halt when more than this share of the last letters sent failed, from 0 to 1 (0.5)"),
    Flag.optional
  ),
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
    Flag.withDescription(`What goes wrong on the embedded emulator: ${Service.faultsUsage}`),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("End with the report as one line of JSON"),
    Flag.withDefault(false)
  )
}

class NotEmulated extends Schema.TaggedError<NotEmulated>()("NotEmulated", {}) {
  override readonly message = "--letters and --faults are for the embedded emulator; CXONE_* names a real service."
}

/** Replays as the flags say, on the service the environment names or on an emulator. */
export const replay = Effect.fnUntraced(function* (
  input: Command.Command.Config.Infer<typeof flags>,
  tracing?: EventBridgeOptions["tracing"]
) {
  const destination = Option.getOrUndefined(input.destination)
  // Whoever types a destination means its host; that it is https and public is checked all the same.
  const host = destination === undefined ? undefined : URL.parse(destination)?.hostname
  const service = yield* Service.choose({
    topicId: input.topic,
    letters: input.letters,
    faults: input.faults,
    allowedHosts: host === undefined ? [] : [host],
    tracing
  })
  if (Option.isNone(service.letters) && (Option.isSome(input.letters) || Option.isSome(input.faults))) {
    return yield* new NotEmulated()
  }
  const request = {
    topicId: Option.getOrUndefined(input.topic),
    destination,
    concurrency: Option.getOrUndefined(input.concurrency),
    pageSize: Option.getOrUndefined(input.pageSize),
    maxAttempts: Option.getOrUndefined(input.maxAttempts),
    maxFailureShare: Option.getOrUndefined(input.maxFailureShare),
    runId: Option.getOrUndefined(input.runId),
    failureReason: Option.getOrUndefined(input.reason),
    limit: Option.getOrUndefined(input.limit)
  }

  const plan = Effect.gen(function* () {
    const found = yield* (yield* Replay).plan(request)
    yield* Console.log(ReportTable.ofPlan(found, service.name))
    if (input.json) yield* Console.log(JSON.stringify({ status: "planned", service: service.name, ...found }))
  })

  const run = runReplay({
    request,
    serviceName: service.name,
    letters: service.letters,
    isKept: Option.isSome(input.state),
    json: input.json
  })

  return yield* (input.dryRun ? plan : run).pipe(
    Effect.provide(service.layer.pipe(Layer.provide(State.layer(input.state)), Layer.provide(NodeEventBridge.layer)))
  )
})
