import { Effect, FileSystem } from "effect"
import { join } from "node:path"
import { asFault, BenchFault } from "../BenchFault.ts"
import { BenchServer } from "../BenchServer.ts"
import { three } from "../Figures.ts"
import * as InTurn from "../InTurn.ts"
import * as Outcome from "../Outcome.ts"
import type { Plan } from "../Plan.ts"
import { ratio, summarize } from "../Statistics.ts"
import * as SubjectProcess from "../SubjectProcess.ts"
import type { BundleInput } from "../subjects/bundle.ts"

export const title = "From the start of a process to its first request, and what an application weighs"

const letters = 10

/** A program that replays `letters` letters, or sends only the first request. */
interface Program {
  readonly name: string
  readonly args: (folder: string) => ReadonlyArray<string>
  readonly replays: boolean
}

const script: Program = { name: "node, one request", args: () => ["bench/subjects/first-request.ts"], replays: false }
const example: Program = {
  name: "examples/replay.ts",
  args: (folder) => ["examples/replay.ts", "--state", folder],
  replays: true
}
const bundled = (file: string): Program => ({
  name: "replay only, bundled",
  args: (folder) => [file, folder],
  replays: true
})

const start = Effect.fnUntraced(function* ({ args, name, replays }: Program) {
  const where = `start: ${name}`
  const server = yield* BenchServer
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "bench-" })
  const program = Effect.suspend(() => {
    const startedAt = process.hrtime.bigint()
    const env = {
      CXONE_INSTANCE_URL: `http://127.0.0.1:${server.port}`,
      CXONE_CLIENT_ID: "bench",
      CXONE_CLIENT_SECRET: "bench",
      CXONE_TOPIC_ID: "measured"
    }
    return Effect.as(SubjectProcess.run(where, { args: args(folder), env, atMost: "1 minute" }), startedAt)
  })
  const topics: Readonly<Record<string, number>> = replays ? { measured: letters } : {}
  const { found, ledger } = yield* server.watch(where, { topics, latencyMillis: 0 }, program)
  if (ledger.firstRequestAtNanos === null) return yield* new BenchFault({ where, problems: ["it sent nothing"] })
  return Number(BigInt(ledger.firstRequestAtNanos) - found) / 1e6
}, asFault("start"))

const applications = [
  { name: "Effect and its undici client, without the library", application: "embed-none" },
  { name: "replay only", application: "embed-replay" },
  { name: "whole library", application: "embed-all" }
] as const

const bundle = Effect.fnUntraced(function* (folder: string, { application, name }: (typeof applications)[number]) {
  const output = join(folder, `${application}.mjs`)
  const input: BundleInput = { application, output }
  const { figures } = yield* SubjectProcess.measure(`start: bundle, ${name}`, {
    subject: "bundle.ts",
    input,
    atMost: "1 minute"
  })
  const sizes = Object.entries(figures).map(([figure, value]) => [figure, [value]] as const)
  return Outcome.row(`bundle, ${name}`, Object.fromEntries(sizes))
})

export const measure = Effect.fnUntraced(function* (plan: Plan) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "bench-" })
  const sizes = yield* Effect.forEach(applications, (application) => bundle(folder, application))
  const programs = [script, example, bundled(join(folder, "embed-replay.mjs"))]
  const samplesOf = yield* InTurn.run(
    "start",
    plan.rounds,
    programs.map((program) => ({ name: program.name, run: start(program) })),
    (millis) => `${three(millis)} ms`
  )
  const row = ({ name }: Program) => Outcome.row(name, { "ms to the first request": samplesOf(name) })
  const compare = ({ name }: Program) =>
    Outcome.comparison(`${name} / ${script.name}`, ratio(summarize(samplesOf(name)), summarize(samplesOf(script.name))))
  return {
    rows: [...programs.map(row), ...sizes],
    comparisons: programs.slice(1).map(compare),
    notes: ["Bundles: by rolldown, minified, for Node, with all packages; then without them, which leaves the library."]
  } satisfies Outcome.Outcome
}, asFault("start"))
