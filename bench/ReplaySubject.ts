// One way of replaying, run once against the server, with everything checked that can be.
import { type Duration, Effect, FileSystem, Stream } from "effect"
import { join } from "node:path"
import { clientVersion } from "../src/index.ts"
import { asFault, BenchFault } from "./BenchFault.ts"
import { BenchServer } from "./BenchServer.ts"
import * as SubjectProcess from "./SubjectProcess.ts"
import type { ReplayInput } from "./subjects/Replaying.ts"

export interface ReplaySubject extends Pick<ReplayInput, "concurrency" | "letters" | "warmUp"> {
  /** The file in `bench/subjects`. */
  readonly subject: string
  readonly latencyMillis: number
  readonly atMost: Duration.Input
  readonly nodeFlags?: ReadonlyArray<string> | undefined
  /** It keeps an audit of JSON lines, which has to hold each letter. */
  readonly isAudited: boolean
}

/** More than are sent at once: pages are read one after the other, and pages of 50 would limit 64 at once. */
export const pageSize = 100

const linesOf = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Stream.runFold(
    fs.stream(path),
    () => 0,
    (lines, chunk) => chunk.reduce((sum, byte) => (byte === 10 ? sum + 1 : sum), lines)
  )
})

export const run = Effect.fnUntraced(
  function* (where: string, options: ReplaySubject) {
    const { concurrency, letters, warmUp } = options
    const server = yield* BenchServer
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "bench-" })
    const input: ReplayInput = { port: server.port, concurrency, pageSize, warmUp, letters, folder, clientVersion }
    const { found, ledger } = yield* server.watch(
      where,
      { topics: { "warm-up": warmUp, measured: letters }, latencyMillis: options.latencyMillis },
      SubjectProcess.measure(where, {
        subject: options.subject,
        input,
        atMost: options.atMost,
        nodeFlags: options.nodeFlags
      })
    )
    if (options.isAudited) {
      const lines = yield* linesOf(join(folder, "audit.jsonl"))
      if (lines !== warmUp + letters) {
        return yield* new BenchFault({
          where,
          problems: [`the audit has ${lines} lines for ${warmUp + letters} letters`]
        })
      }
    }
    // The server's CPU time during the measurement; its cost per letter is averaged over the warm-up too.
    const serverMicros = (ledger.cpuMicros / ledger.replays) * (found.events / found.seconds)
    return { ...found, figures: { ...found.figures, "server busy %": serverMicros / 10_000 } }
  },
  (effect, where) => asFault(where)(effect)
)
