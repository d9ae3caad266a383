import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Schema, Scope } from "effect"
import { Audit, AuditError, AuditMemory, ReplayAuditRecord } from "../../src/index.ts"
import { collectLogs, record } from "./Support.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(ReplayAuditRecord))

const write = (entry = record()) => Effect.flatMap(Audit, (audit) => audit.record(entry))

/** A path in a directory that goes with the test. */
const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  Effect.map(fs.makeTempDirectoryScoped({ prefix: "audit-" }), (directory) => `${directory}/audit.jsonl`)
)

const contentOf = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))

const seed = (path: string, content: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString(path, content))

const idsOf = (content: string) =>
  content
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => decode(line).event_id)

/** A file that is written with one byte order of our choosing: what it is told to fail, fails. */
const faultyFile = (fails: (write: number) => "never" | "whole" | "half") =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => {
      let writes = 0
      const noSpace = new Error("ENOSPC: no space left on device")
      return FileSystem.FileSystem.of({
        ...fs,
        open: (path, options) =>
          Effect.map(fs.open(path, options), (file) => {
            const faulty: FileSystem.File = Object.create(file)
            return Object.assign(faulty, {
              writeAll: (bytes: Uint8Array) => {
                const fate = fails(++writes)
                if (fate === "never") return file.writeAll(bytes)
                const part = fate === "half" ? file.writeAll(bytes.subarray(0, bytes.length >> 1)) : Effect.void
                return Effect.andThen(part, Effect.fail(noSpace))
              }
            })
          })
      })
    })
  ).pipe(Layer.provide(NodeFileSystem.layer))

describe("Audit.layerFile", () => {
  it.live("a record is in the file once it is recorded, before the layer closes", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const scope = yield* Scope.make()
      const services = yield* Layer.buildWithScope(Audit.layerFile(path), scope)
      for (const [index, id] of ["evt_1", "evt_2", "evt_3"].entries()) {
        yield* Effect.provide(write(record(id)), services)
        const content = yield* contentOf(path)
        assert.lengthOf(idsOf(content), index + 1)
        assert.isTrue(content.endsWith("\n"))
        assert.deepStrictEqual(decode(content.split("\n")[index]), record(id))
      }
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(idsOf(yield* contentOf(path)), ["evt_1", "evt_2", "evt_3"])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("what is there is kept, and a second run appends", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const line = `${JSON.stringify(record("evt_0"))}\n`
      yield* seed(path, line)
      yield* Effect.provide(write(record("evt_1")), Layer.fresh(Audit.layerFile(path)))
      yield* Effect.provide(write(record("evt_2")), Layer.fresh(Audit.layerFile(path)))
      const content = yield* contentOf(path)
      assert.isTrue(content.startsWith(line))
      assert.deepStrictEqual(idsOf(content), ["evt_0", "evt_1", "evt_2"])
      assert.notInclude(content, "\n\n")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("a line that a crash cut short is closed before the next one", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const whole = JSON.stringify(record("evt_0"))
      const half = JSON.stringify(record("evt_1")).slice(0, 40)
      yield* seed(path, `${whole}\n${half}`)
      yield* Effect.provide(write(record("evt_2")), Audit.layerFile(path))
      const lines = (yield* contentOf(path)).split("\n")
      assert.deepStrictEqual(lines.slice(0, 2), [whole, half])
      assert.strictEqual(decode(lines[2]).event_id, "evt_2")
      assert.deepStrictEqual(lines.slice(3), [""])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("64 writers at once: every record is there, whole, and in the order it came", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const writers = Array.from({ length: 64 }, (_, writer) => writer)
      yield* Effect.forEach(
        writers,
        (writer) =>
          Effect.forEach([0, 1, 2, 3], (round) => write({ ...record(`evt_${writer}_${round}`), detail: "ü\n🎉" })),
        { concurrency: "unbounded" }
      ).pipe(Effect.provide(Audit.layerFile(path)))
      const ids = idsOf(yield* contentOf(path))
      assert.lengthOf(ids, 256)
      assert.strictEqual(new Set(ids).size, 256)
      for (const writer of writers) {
        const own = ids.filter((id) => id.startsWith(`evt_${writer}_`))
        assert.deepStrictEqual(
          own,
          [0, 1, 2, 3].map((round) => `evt_${writer}_${round}`)
        )
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("a path that cannot be written is told when the layer is built", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const directory = path.slice(0, path.lastIndexOf("/"))
      for (const wrong of [directory, `${directory}/missing/audit.jsonl`]) {
        const error = yield* Effect.flip(Effect.provide(write(), Audit.layerFile(wrong)))
        assert.instanceOf(error, AuditError)
        assert.strictEqual(error.sink, wrong)
        assert.include(error.message, `could not be written to ${wrong}: `)
        assert.isAbove(error.detail.length, 0)
        assert.include(error.hint, "writable")
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("a disk that is full fails the record, and the next one is on a line of its own", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.gen(function* () {
        yield* write(record("evt_1"))
        const error = yield* Effect.flip(write(record("evt_2")))
        assert.instanceOf(error, AuditError)
        assert.include(error.message, "no space left on device")
        yield* write(record("evt_3"))
      }).pipe(Effect.provide(Audit.layerFile(path)))
      const lines = (yield* contentOf(path)).split("\n")
      assert.strictEqual(decode(lines[0]).event_id, "evt_1")
      assert.isTrue(JSON.stringify(record("evt_2")).startsWith(lines[1] ?? ""))
      assert.strictEqual(decode(lines[2]).event_id, "evt_3")
      assert.deepStrictEqual(lines.slice(3), [""])
    }).pipe(Effect.provide(faultyFile((nth) => (nth === 2 ? "half" : "never"))))
  )

  it.live("all that waited for a write that failed are told", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const results = yield* Effect.forEach(
        Array.from({ length: 16 }, (_, index) => `evt_${index}`),
        (id) => Effect.flip(write(record(id))),
        { concurrency: "unbounded" }
      ).pipe(Effect.provide(Audit.layerFile(path)))
      assert.lengthOf(results, 16)
      assert.isTrue(results.every((error) => error._tag === "AuditError"))
    }).pipe(Effect.provide(faultyFile(() => "whole")))
  )
})

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
