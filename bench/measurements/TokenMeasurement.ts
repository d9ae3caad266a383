import { Effect } from "effect"
import { BenchServer } from "../BenchServer.ts"
import * as InTurn from "../InTurn.ts"
import * as Outcome from "../Outcome.ts"
import { type Plan, scaled } from "../Plan.ts"
import { summarize } from "../Statistics.ts"
import * as SubjectProcess from "../SubjectProcess.ts"
import type { TokenInput } from "../subjects/token.ts"

export const title = "Fibers that want the token at once"

export const measure = Effect.fnUntraced(function* (plan: Plan) {
  const server = yield* BenchServer
  const input: TokenInput = { port: server.port, fibers: 10_000, reads: scaled(plan, 2_000_000) }
  const name = `${input.fibers.toLocaleString("en")} fibers`
  const run = server
    .watch(
      `token: ${name}`,
      { topics: {}, latencyMillis: 0 },
      SubjectProcess.measure("token", { subject: "token.ts", input, atMost: "1 minute" })
    )
    .pipe(Effect.map(({ found }) => found))
  const samples = (yield* InTurn.run("token", plan.rounds, [{ name, run }], Outcome.tell))(name)
  const figure = (figureName: string) => summarize(samples.map(({ figures }) => figures[figureName] ?? Number.NaN))
  const compare = (figureName: string, demand: Outcome.Demand) =>
    Outcome.comparison(figureName, figure(figureName), { demand })
  return {
    rows: [Outcome.rowOf(name, "reads", samples)],
    comparisons: [
      compare("requests, cold", { relation: "at most", value: 1 }),
      compare("requests, warm", { relation: "at most", value: 0 }),
      compare("ns a warm read", { relation: "less than", value: 2000 })
    ],
    notes: ["Reads: in one fiber, one after the other, on a warm token."]
  } satisfies Outcome.Outcome
})
