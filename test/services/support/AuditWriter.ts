// Records without end, 16 at a time, and says which records it was told are kept: node AuditWriter.ts FILE NAME
import { Effect, Layer, Logger } from "effect"
import { writeSync } from "node:fs"
import * as NodeEventBridge from "../../../src/node/NodeEventBridge.ts"
import { Audit } from "../../../src/services/Audit.ts"

const [path = "", name = ""] = process.argv.slice(2)

const write = Effect.fnUntraced(function* (writer: number) {
  const audit = yield* Audit
  for (let round = 0; ; round++) {
    const id = `${name}_${writer}_${round}`
    yield* audit.record([
      {
        operation: "GET",
        subscriptionId: id,
        status: "SUCCESS",
        details: "x".repeat(round % 700),
        timestamp: "2024-05-11T09:15:22.103Z"
      }
    ])
    // At once: what is said is out when the process is killed.
    writeSync(1, `${id}\n`)
  }
})

const writers = Array.from({ length: 16 }, (_, writer) => writer)

await Effect.runPromise(
  Effect.forEach(writers, write, { concurrency: "unbounded", discard: true }).pipe(
    Effect.provide(Layer.provide(Audit.layerFile(path, { rotate: { bytes: 200_000 } }), NodeEventBridge.layer)),
    // Stdout is for records that are kept, and opening the file may have something to report.
    Effect.provide(Logger.layer([Logger.withConsoleError(Logger.formatSimple)]))
  )
)
