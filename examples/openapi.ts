// The OpenAPI document of the service, as far as this library speaks it: node examples/openapi.ts --out openapi.json
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Console, Effect, FileSystem, Layer, Option } from "effect"
import { CliError, CliOutput, Command, Flag } from "effect/cli"
import { OpenApi } from "effect/http-api"
import { EventBridgeApi } from "../src/api/EventBridgeApi.ts"

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
    yield* fileSystem.writeFileString(out.value, `${document}\n`)
  })
).pipe(Command.withDescription("Writes the OpenAPI document"))

// A wrong flag is answered with what is wrong, not with a page of help.
const presenter = CliOutput.layerPresenter({
  present: (output) =>
    output._tag === "InvalidInvocation"
      ? Console.error(output.errors.map(({ message }) => message).join("\n"))
      : CliOutput.defaultPresenter.present(output)
})

Command.run(openapi, { version: "0.1.0" }).pipe(
  Effect.tapError((error) => (CliError.isCliError(error) ? Effect.void : Console.error(error.message))),
  Effect.provide(Layer.merge(NodeServices.layer, presenter)),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
