// A measured program, each time in a fresh process.
import { type Duration, Effect, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { extname, join } from "node:path"
import { asFault, BenchFault } from "./BenchFault.ts"
import { environment } from "./Environment.ts"
import * as Python from "./Python.ts"

/** What a subject found out about itself. */
export const Found = Schema.Struct({
  /** Letters, records, reads: whatever it works on. */
  events: Schema.Natural,
  seconds: Schema.Finite,
  /** Of the whole process, all its threads, while it measured. */
  cpuMicros: Schema.Finite,
  /** Of the process since it started. */
  peakRssBytes: Schema.Natural,
  /** Further figures, by name with unit. */
  figures: Schema.Record(Schema.String, Schema.Finite)
})
export type Found = typeof Found.Type

const root = join(import.meta.dirname, "..")

/** Returns what a program of this repository printed; fails if the program does, or if it takes too long. */
export const run = Effect.fnUntraced(
  function* (
    where: string,
    options: {
      /** Node by default. */
      readonly command?: string | undefined
      /** The program, from the root of the repository, and its arguments. */
      readonly args: ReadonlyArray<string>
      readonly env?: Readonly<Record<string, string>> | undefined
      readonly atMost: Duration.Input
    }
  ) {
    const child = yield* ChildProcess.make(options.command ?? process.execPath, options.args, {
      cwd: root,
      env: { ...environment, ...options.env },
      forceKillAfter: "2 seconds"
    })
    const [stdout, stderr, code] = yield* Effect.all(
      [
        Stream.mkString(Stream.decodeText(child.stdout)),
        Stream.mkString(Stream.decodeText(child.stderr)),
        child.exitCode
      ],
      { concurrency: "unbounded" }
    ).pipe(
      Effect.timeoutOrElse({
        duration: options.atMost,
        orElse: () => Effect.fail(new BenchFault({ where, problems: ["it did not end in time"] }))
      })
    )
    if (code !== 0)
      return yield* new BenchFault({ where, problems: [`it ended with code ${code}: ${stderr.slice(0, 2000)}`] })
    return stdout
  },
  (effect, where) => asFault(where)(effect)
)

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Found))

/** Measures a program in `bench/subjects`, given its input. */
export const measure = Effect.fnUntraced(function* (
  where: string,
  options: {
    /** Its file, in TypeScript or in Python. */
    readonly subject: string
    readonly input: object
    readonly atMost: Duration.Input
    readonly nodeFlags?: ReadonlyArray<string> | undefined
  }
) {
  const { atMost, input, nodeFlags = [], subject } = options
  const command = extname(subject) === ".py" ? Python.command : undefined
  const args = [...nodeFlags, join("bench", "subjects", subject), JSON.stringify(input)]
  const stdout = yield* run(where, { command, args, atMost })
  return yield* Effect.mapError(
    decode(stdout),
    (error) => new BenchFault({ where, problems: [`its answer cannot be read: ${error.message}`] })
  )
})
