import { NodeHttpClient } from "@effect/platform-node"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { join } from "node:path"
import { BenchFault } from "./BenchFault.ts"
import { type Fault, Ledger, type ServerSetup } from "./ServerProtocol.ts"

/** What a queue holds, and how slow the service is. */
export interface Queues {
  /** Letters by topic. */
  readonly topics: Readonly<Record<string, number>>
  readonly latencyMillis: number
}

/** The service everything runs against: a process of its own, for as long as the bench runs. */
export class BenchServer extends Context.Service<
  BenchServer,
  {
    readonly port: number
    /**
     * Sets the service up, runs a client on it, and returns what the service saw. Fails unless each letter came once,
     * and the service had nothing to complain about.
     */
    readonly watch: <A, R>(
      where: string,
      queues: Queues,
      client: Effect.Effect<A, BenchFault, R>
    ) => Effect.Effect<{ readonly found: A; readonly ledger: Ledger }, BenchFault, R>
  }
>()("bench/BenchServer") {
  /** A fault is made on purpose, to show that it is noticed. */
  static readonly layer = (
    fault: Fault | null
  ): Layer.Layer<BenchServer, BenchFault, ChildProcessSpawner.ChildProcessSpawner> =>
    Layer.effect(BenchServer, make(fault)).pipe(Layer.provide(NodeHttpClient.layerUndici))
}

const Address = Schema.fromJsonString(Schema.Struct({ port: Schema.Int }))

const faultOf =
  (where: string) =>
  (error: { readonly message: string }): BenchFault =>
    new BenchFault({ where, problems: [error.message] })

const start = Effect.gen(function* () {
  const child = yield* ChildProcess.make(process.execPath, [join(import.meta.dirname, "server.ts")], {
    stderr: "inherit",
    forceKillAfter: "2 seconds"
  })
  const line = yield* child.stdout.pipe(Stream.decodeText(), Stream.splitLines, Stream.take(1), Stream.mkString)
  return yield* Schema.decodeUnknownEffect(Address)(line)
}).pipe(Effect.mapError(faultOf("the start of its server")))

const make = Effect.fnUntraced(function* (fault: Fault | null) {
  const { port } = yield* start
  const http = yield* HttpClient.HttpClient

  const ask = (where: string, request: HttpClientRequest.HttpClientRequest) =>
    http
      .execute(HttpClientRequest.prependUrl(request, `http://127.0.0.1:${port}`))
      .pipe(
        Effect.flatMap(HttpClientResponse.schemaBodyJson(Ledger)),
        Effect.mapError(faultOf(`${where}, where the server does not answer`))
      )

  const setUp = (where: string, { latencyMillis, topics }: Queues) => {
    const queues = Object.entries(topics).map(([id, letters]) => [id, { letters, fault }] as const)
    const setup: ServerSetup = { latencyMillis, topics: Object.fromEntries(queues) }
    return ask(where, HttpClientRequest.post("/bench/setup").pipe(HttpClientRequest.bodyJsonUnsafe(setup)))
  }

  return BenchServer.of({
    port,
    watch: Effect.fnUntraced(function* (where, queues, client) {
      yield* setUp(where, queues)
      const result = yield* Effect.result(client)
      const ledger = yield* ask(where, HttpClientRequest.get("/bench/ledger"))
      const problems = [...complaints(ledger), ...(result._tag === "Failure" ? result.failure.problems : [])]
      if (result._tag === "Failure" || problems.length > 0) return yield* new BenchFault({ where, problems })
      return { found: result.success, ledger }
    })
  })
})

/** What is wrong with what the service saw: it should have seen each letter once. */
const complaints = (ledger: Ledger): ReadonlyArray<string> => {
  const errors =
    ledger.errorCount === 0 ? [] : [`errors that the server answered: ${ledger.errorCount}`, ...ledger.errors]
  const letters = Object.entries(ledger.topics)
    .filter(([, { doubled, lost }]) => lost > 0 || doubled > 0)
    .map(
      ([topic, { doubled, examples, letters: all, lost }]) =>
        `of ${all} letters of "${topic}", ${lost} never came and ${doubled} came more than once: ${examples.join(", ")}`
    )
  return [...errors, ...letters]
}
