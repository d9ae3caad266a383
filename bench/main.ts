// Measures side by side what the library costs: npm run bench [-- --json] [--only NAME]
import { Clock, Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { main } from "../examples/shared/Program.ts"
import { BenchServer } from "./BenchServer.ts"
import * as Machine from "./Machine.ts"
import * as AuditMeasurement from "./measurements/AuditMeasurement.ts"
import * as CodecMeasurement from "./measurements/CodecMeasurement.ts"
import * as MemoryMeasurement from "./measurements/MemoryMeasurement.ts"
import * as ReplayMeasurement from "./measurements/ReplayMeasurement.ts"
import * as StartMeasurement from "./measurements/StartMeasurement.ts"
import * as TokenMeasurement from "./measurements/TokenMeasurement.ts"
import * as Plan from "./Plan.ts"
import { Fault } from "./ServerProtocol.ts"
import * as Tables from "./Tables.ts"

const measurements = {
  replay: ReplayMeasurement,
  memory: MemoryMeasurement,
  token: TokenMeasurement,
  audit: AuditMeasurement,
  codec: CodecMeasurement,
  start: StartMeasurement
} as const

const names = ["replay", "memory", "token", "audit", "codec", "start"] as const

const flags = {
  only: Flag.Literals("only", names).pipe(Flag.withDescription("Take this measurement alone"), Flag.optional),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("One document of JSON, with every sample, instead of tables"),
    Flag.withDefault(false)
  ),
  quick: Flag.Boolean("quick").pipe(
    Flag.withDescription("One short round, to see that everything works; the figures mean nothing"),
    Flag.withDefault(false)
  ),
  fault: Flag.Literals("fault", Fault.literals).pipe(
    Flag.withDescription("What the server does wrong with each last letter, to see that the bench notices"),
    Flag.optional
  )
}

const bench = Command.make(
  "bench",
  flags,
  Effect.fnUntraced(function* ({ fault, json, only, quick }) {
    const startedAt = yield* Clock.currentTimeMillis
    const machine = yield* Machine.describe
    const plan = quick ? Plan.quick : Plan.full
    const say = json ? () => Effect.void : Console.log
    yield* say(`${Tables.ofMachine(machine)}${quick ? "\nquick: the figures mean nothing" : ""}`)

    const measure = Effect.fnUntraced(function* (name: (typeof names)[number]) {
      const { measure: take, title } = measurements[name]
      const outcome = yield* take(plan)
      yield* say(`\n${Tables.ofOutcome(name, title, outcome)}`)
      return { name, title, ...outcome }
    })
    const taken = yield* Effect.forEach(
      Option.match(only, { onNone: () => names, onSome: (name) => [name] }),
      measure
    ).pipe(Effect.provide(BenchServer.layer(Option.getOrNull(fault))))

    const seconds = ((yield* Clock.currentTimeMillis) - startedAt) / 1000
    const comparisons = taken.flatMap((outcome) => outcome.comparisons)
    yield* say(`\n${Tables.ofDemands(comparisons, seconds)}`)
    if (json) yield* Console.log(JSON.stringify({ machine, plan, seconds, measurements: taken }))
  })
).pipe(Command.withDescription("Measures side by side what the library costs"))

main(bench)
