// Replays a dead letter queue: node examples/replay.ts --topic ID --state DIR
import { Command } from "effect/cli"
import { main } from "./shared/Program.ts"
import * as ReplayCommand from "./shared/ReplayCommand.ts"
import * as RunsCommand from "./shared/RunsCommand.ts"

const replay = Command.make("replay", ReplayCommand.flags, (input) => ReplayCommand.replay(input)).pipe(
  Command.withDescription("Delivers the events of a dead letter queue again, each once"),
  Command.withSubcommands([RunsCommand.runs, RunsCommand.forget])
)

main(replay)
