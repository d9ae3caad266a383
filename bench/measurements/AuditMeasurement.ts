import { Effect, FileSystem } from "effect"
import { join } from "node:path"
import { asFault, BenchFault } from "../BenchFault.ts"
import * as InTurn from "../InTurn.ts"
import * as Outcome from "../Outcome.ts"
import { type Plan, scaled } from "../Plan.ts"
import { ratio } from "../Statistics.ts"
import * as SubjectProcess from "../SubjectProcess.ts"
import type { RecordInput } from "../subjects/Recording.ts"

export const title = "Audit records kept by 64 writers, against lines appended one by one"

const ways = [
  { name: '"always", 64 writers', subject: "audit.ts", isSynced: true, records: 100_000 },
  { name: '"never", 64 writers', subject: "audit.ts", isSynced: false, records: 100_000 },
  { name: "appendFileSync, fsyncSync", subject: "append.ts", isSynced: true, records: 2000 },
  { name: "appendFileSync", subject: "append.ts", isSynced: false, records: 100_000 }
] as const

const run = Effect.fnUntraced(function* (plan: Plan, { isSynced, name, records, subject }: (typeof ways)[number]) {
  const where = `audit: ${name}`
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "bench-" })
  const path = join(folder, "audit.jsonl")
  const input: RecordInput = { path, isSynced, records: scaled(plan, records), warmUp: scaled(plan, records / 5) }
  const found = yield* SubjectProcess.measure(where, { subject, input, atMost: "1 minute" })
  const lines = (yield* fs.readFileString(path)).split("\n").length - 1
  if (lines !== input.records + input.warmUp) {
    return yield* new BenchFault({ where, problems: [`it kept ${lines} of ${input.records + input.warmUp} records`] })
  }
  return found
}, asFault("audit"))

export const measure = Effect.fnUntraced(function* (plan: Plan) {
  const alternatives = ways.map((way) => ({ name: way.name, run: run(plan, way) }))
  const samplesOf = yield* InTurn.run("audit", plan.rounds, alternatives, Outcome.tell)
  const [always, never, synced, plain] = ways.map(({ name }) => name)
  const compare = (of: string | undefined, to: string | undefined, demand?: Outcome.Demand) =>
    Outcome.comparison(
      `${of} / ${to}`,
      ratio(Outcome.rateOf(samplesOf(of ?? "")), Outcome.rateOf(samplesOf(to ?? ""))),
      {
        demand
      }
    )
  return {
    rows: ways.map(({ name }) => Outcome.rowOf(name, "records", samplesOf(name))),
    comparisons: [compare(always, synced, { relation: "at least", value: 20 }), compare(never, plain)],
    notes: []
  } satisfies Outcome.Outcome
})
