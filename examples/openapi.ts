// The OpenAPI document of the service, as far as this library speaks it: node examples/openapi.ts --out openapi.json
import { Console, Effect, FileSystem, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { OpenApi } from "effect/http-api"
import { EventBridgeApi } from "../src/index.ts"
import { main } from "./shared/Program.ts"
import * as SystemProblem from "./shared/SystemProblem.ts"

class NotWritten extends Schema.TaggedError<NotWritten>()("NotWritten", {
  file: Schema.String,
  problem: Schema.String
}) {
  readonly hint = "Name a file that can be written, in a folder that exists."
  override get message(): string {
    return `--out "${this.file}" cannot be written: ${this.problem}`
  }
}

const openapi = Command.make(
  "openapi",
  {
    out: Flag.String("out").pipe(
      Flag.withDescription("File to write; standard output when none is given"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* ({ out }) {
    const document = JSON.stringify(OpenApi.fromApi(EventBridgeApi), null, 2)
    if (Option.isNone(out)) return yield* Console.log(document)
    const fileSystem = yield* FileSystem.FileSystem
    yield* Effect.mapError(
      fileSystem.writeFileString(out.value, `${document}\n`),
      (error) => new NotWritten({ file: out.value, problem: SystemProblem.inWords(error) })
    )
  })
).pipe(Command.withDescription("Writes the OpenAPI document"))

main(openapi)
