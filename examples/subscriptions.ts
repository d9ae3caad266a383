// Declares subscriptions: node examples/subscriptions.ts apply --file examples/definitions.json
import { Console, Effect, Layer, Option, Schema, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { type Subscription, SubscriptionAction, type SubscriptionPlan, Subscriptions } from "../src/index.ts"
import { NodeEventBridge } from "../src/node/index.ts"
import { applyDefinitions, asJson, describePlan, describeResults } from "./shared/ApplySubscriptions.ts"
import * as Definitions from "./shared/Definitions.ts"
import * as Filled from "./shared/Filled.ts"
import { printable, printableLines } from "./shared/ReportTable.ts"
import { ExitWith, main } from "./shared/Program.ts"
import * as Service from "./shared/Service.ts"
import * as State from "./shared/State.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { message: Schema.String }) {}

const definitionsOf = (file: Option.Option<string>) =>
  Option.match(file, {
    onNone: () => Effect.fail(new Refused({ message: "--file is missing: which definitions?" })),
    onSome: Definitions.read
  })

const requireId = (id: Option.Option<string>) =>
  Option.match(id, {
    onNone: () => Effect.fail(new Refused({ message: "--id is missing: which subscription?" })),
    onSome: Effect.succeed
  })

const plannedJson = ({ actions }: SubscriptionPlan) =>
  actions.map(
    SubscriptionAction.$match({
      Create: ({ definition }) => ({ name: definition.name, action: "create", id: null, state: null }),
      Update: ({ changes, definition, id }) => ({ name: definition.name, action: "update", id, state: null, changes }),
      Unchanged: ({ held }) => ({ name: held.name, action: "unchanged", id: held.id, state: held.state }),
      Delete: ({ id, name }) => ({ name, action: "delete", id, state: null })
    })
  )

const line = ({ id, name, state }: Pick<Subscription, "id" | "name" | "state">): string =>
  printable(`${id}  ${state}  ${name}`)

const flags = {
  action: Argument.Literals("action", ["apply", "plan", "list", "get", "delete", "confirm"]),
  file: Flag.String("file").pipe(Flag.withDescription("JSON file with one definition or an array"), Flag.optional),
  id: Flag.String("id").pipe(
    Filled.text,
    Flag.withDescription("Subscription, for get, delete and confirm"),
    Flag.optional
  ),
  prune: Flag.Boolean("prune").pipe(
    Flag.withDescription("Delete what the file does not declare"),
    Flag.withDefault(false)
  ),
  state: Flag.String("state").pipe(
    Flag.withDescription("Folder for audit.jsonl; no audit is kept without it"),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("End with the results as one line of JSON"),
    Flag.withDefault(false)
  )
}

const subscriptions = Command.make(
  "subscriptions",
  flags,
  Effect.fnUntraced(function* (input) {
    const service = yield* Service.choose({
      topicId: Option.none(),
      letters: Option.none(),
      faults: Option.none(),
      allowedHosts: []
    })
    const conclude = (results: ReadonlyArray<unknown>) =>
      input.json ? Console.log(JSON.stringify({ results })) : Effect.void

    const act = Effect.gen(function* () {
      const library = yield* Subscriptions
      switch (input.action) {
        case "apply": {
          const { problems, results } = yield* applyDefinitions(yield* definitionsOf(input.file), input.prune)
          if (results.length > 0) yield* Console.log(describeResults(results))
          if (problems.length > 0) yield* Console.error(printableLines(problems.join("\n")))
          if (input.json) yield* Console.log(JSON.stringify({ results: results.map(asJson), problems }))
          return problems.length === 0 ? undefined : yield* new ExitWith({ code: 1 })
        }
        case "plan": {
          const plan = yield* library.plan(yield* definitionsOf(input.file), { prune: input.prune })
          yield* Console.log(`${describePlan(plan)}\nNothing was written.`)
          return yield* conclude(plannedJson(plan))
        }
        case "list": {
          const all = yield* Stream.runCollect(library.list)
          yield* Console.log(all.length === 0 ? "There are no subscriptions." : all.map(line).join("\n"))
          return yield* conclude(all.map(({ id, name, state }) => ({ name, id, state })))
        }
        case "get": {
          const found = yield* library.get(yield* requireId(input.id))
          yield* Console.log(JSON.stringify(found, undefined, 2))
          return yield* conclude([{ name: found.name, id: found.id, state: found.state }])
        }
        case "delete": {
          const id = yield* requireId(input.id)
          const { name } = yield* library.get(id)
          yield* library.delete(id)
          yield* Console.log(printable(`deleted ${name} (${id})`))
          return yield* conclude([{ name, action: "delete", id, state: "deleted" }])
        }
        case "confirm": {
          const id = yield* requireId(input.id)
          const { name } = yield* library.get(id)
          const { state } = yield* library.confirmDelivery(id)
          yield* Console.log(printable(`${name} (${id}) delivers: ${state}`))
          return yield* conclude([{ name, id, state }])
        }
      }
    })

    yield* Console.error(`On ${service.name}`)
    return yield* act.pipe(
      Effect.provide(service.layer.pipe(Layer.provide(State.layer(input.state)), Layer.provide(NodeEventBridge.layer)))
    )
  })
).pipe(Command.withDescription("Makes the subscriptions of an organization match what a file declares"))

main(subscriptions)
