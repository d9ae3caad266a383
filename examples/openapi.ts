// The OpenAPI document of the service, as far as this library speaks it: node examples/openapi.ts --out openapi.json
import { Console, Effect, FileSystem, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { OpenApi } from "effect/http-api"
import { EventBridgeApi } from "../src/index.ts"
import { main } from "./shared/Program.ts"

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

main(openapi)
