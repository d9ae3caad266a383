import { Effect } from "effect"
import * as InTurn from "../InTurn.ts"
import * as Outcome from "../Outcome.ts"
import { type Plan, scaled } from "../Plan.ts"
import { ratio } from "../Statistics.ts"
import * as SubjectProcess from "../SubjectProcess.ts"
import type { CodecInput } from "../subjects/Coding.ts"

export const title = "Pages decoded, requests built and encoded, without a network"

const ways = [
  { name: "library", subject: "codec-effect.ts" },
  { name: "JSON alone", subject: "codec-json.ts" },
  { name: "zod", subject: "codec-zod.ts" }
] as const

export const measure = Effect.fnUntraced(function* (plan: Plan) {
  const input: CodecInput = { letters: scaled(plan, 100_000) }
  const alternatives = ways.map(({ name, subject }) => ({
    name,
    run: SubjectProcess.measure(`codec: ${name}`, { subject, input, atMost: "1 minute" })
  }))
  const samplesOf = yield* InTurn.run("codec", plan.rounds, alternatives, Outcome.tell)
  const own = Outcome.rateOf(samplesOf("library"))
  return {
    rows: ways.map(({ name }) => Outcome.rowOf(name, "letters", samplesOf(name))),
    comparisons: (["JSON alone", "zod"] as const).map((name) =>
      Outcome.comparison(`library / ${name}`, ratio(own, Outcome.rateOf(samplesOf(name))))
    ),
    notes: ["zod: the checks of the library. JSON alone: JSON.parse, the same members put together, JSON.stringify."]
  } satisfies Outcome.Outcome
})
