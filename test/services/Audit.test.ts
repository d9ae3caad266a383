import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Audit, AuditError, AuditMemory } from "../../src/index.ts"
import { collectLogs, record } from "./Support.ts"

const write = (entry = record()) => Effect.flatMap(Audit, (audit) => audit.record([entry]))

describe("Audit.layerMemory", () => {
  it.effect("keeps records in order", () =>
    Effect.gen(function* () {
      yield* write(record("evt_1"))
      yield* write(record("evt_2", "FAILED"))
      const { records } = yield* AuditMemory
      assert.deepStrictEqual(records, [record("evt_1"), record("evt_2", "FAILED")])
    }).pipe(Effect.provide(Audit.layerMemory))
  )
})

describe("Audit.layerLogger", () => {
  it.effect("logs records with their members, successes as Info and all others as Warn", () => {
    const { layer, lines } = collectLogs()
    return Effect.gen(function* () {
      yield* write(record("evt_1"))
      for (const status of ["FAILED", "SKIPPED", "EXHAUSTED"] as const) yield* write(record("evt_2", status))
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [level, message]),
        [
          ["INFO", "replay audit"],
          ["WARN", "replay audit"],
          ["WARN", "replay audit"],
          ["WARN", "replay audit"]
        ]
      )
      assert.deepInclude(lines[0]?.annotations, record("evt_1"))
      assert.deepInclude(lines[1]?.annotations, record("evt_2", "FAILED"))
    }).pipe(Effect.provide(Audit.layerLogger), Effect.provide(layer))
  })
})

describe("Audit.layerBoth", () => {
  const refuses = Layer.succeed(Audit, {
    record: () => Effect.fail(new AuditError({ sink: "tape", detail: "torn" })),
    head: Effect.succeed({ seq: 7, hash: "7".repeat(64) })
  })

  it.effect("a record is kept by both, and the second never sees what the first refuses", () => {
    const { layer, lines } = collectLogs()
    return Effect.gen(function* () {
      const both = Audit.layerBoth(Audit.layerLogger, refuses)
      const error = yield* Effect.flip(Effect.provide(write(), both))
      assert.strictEqual(error.message, "the audit record could not be written to tape: torn")
      assert.lengthOf(lines, 1)
      yield* Effect.flip(Effect.provide(write(), Audit.layerBoth(refuses, Audit.layerLogger)))
      assert.lengthOf(lines, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("has the head of the one that keeps a chain", () =>
    Effect.gen(function* () {
      const headOf = (layer: Layer.Layer<Audit>) =>
        Effect.provide(
          Effect.flatMap(Audit, ({ head }) => head),
          layer
        )
      assert.strictEqual((yield* headOf(Audit.layerBoth(Audit.layerLogger, refuses)))?.seq, 7)
      assert.strictEqual((yield* headOf(Audit.layerBoth(refuses, Audit.layerLogger)))?.seq, 7)
      assert.isUndefined(yield* headOf(Audit.layerBoth(Audit.layerLogger, Audit.layerLogger)))
    })
  )
})
