// npm start: a subscription is declared, confirmed and synced, then dead letters are replayed. On an emulator with a few
// faults, or on the service the environment names.
import { Console, Effect, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { NodeEventBridge } from "../src/node/index.ts"
import { applyDefinitions, describeResults } from "./shared/ApplySubscriptions.ts"
import * as Definitions from "./shared/Definitions.ts"
import { ExitWith, main } from "./shared/Program.ts"
import { printableLines } from "./shared/ReportTable.ts"
import { runReplay } from "./shared/RunReplay.ts"
import * as Service from "./shared/Service.ts"
import * as State from "./shared/State.ts"

const sample = `${import.meta.dirname}/definitions.json`

const start = Command.make(
  "start",
  {
    file: Flag.String("file").pipe(
      Flag.withDescription("Definitions to declare; a sample on the emulator, none on a real service"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function* (input) {
    const service = yield* Service.choose({
      topicId: Option.none(),
      letters: Option.none(),
      faults: Option.some("few"),
      allowedHosts: []
    })
    // The sample sends events to example.com: nothing to do to the subscriptions of a real organization.
    const file = Option.isSome(service.letters) ? Option.orElse(input.file, () => Option.some(sample)) : input.file

    const declare = Effect.fnUntraced(function* (path: string) {
      const definitions = yield* Definitions.read(path)
      yield* Console.log(`A subscription on ${service.name}`)
      const { problems, results } = yield* applyDefinitions(definitions, false)
      if (results.length > 0) yield* Console.log(`${describeResults(results)}\n`)
      if (problems.length === 0) return
      yield* Console.error(printableLines(problems.join("\n")))
      return yield* new ExitWith({ code: 1 })
    })

    const job = Effect.gen(function* () {
      if (Option.isSome(file)) yield* declare(file.value)
      yield* Console.log("The dead letters of a topic")
      return yield* runReplay({
        request: {},
        serviceName: service.name,
        letters: service.letters,
        isKept: false,
        json: false
      })
    })
    return yield* job.pipe(
      Effect.provide(
        service.layer.pipe(Layer.provide(State.layer(Option.none())), Layer.provide(NodeEventBridge.layer))
      )
    )
  })
).pipe(Command.withDescription("The main job: declare a subscription, then replay dead letters"))

main(start)
