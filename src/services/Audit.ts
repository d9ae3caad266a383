import { Context, Deferred, Effect, FileSystem, Layer, Queue, type Scope } from "effect"
import type { AuditRecord, ReplayAuditRecord, SubscriptionAuditRecord } from "../domain/AuditRecord.ts"
import { AuditError } from "../domain/ReplayError.ts"

/** Where the final record of each letter, and of each operation on a subscription, goes. A record that is not kept stops what depends on it. */
export class Audit extends Context.Service<
  Audit,
  {
    /** Succeeds once the record is kept: for a file, once it is on disk. */
    readonly record: (record: AuditRecord) => Effect.Effect<void, AuditError>
  }
>()("effect-cxone-eventbridge/services/Audit") {
  /** Records as structured log entries: what went well at level `Info`, all else at `Warn`. */
  static readonly layerLogger: Layer.Layer<Audit> = Layer.succeed(Audit, {
    record: (record) => {
      const message = "event_id" in record ? "replay audit" : "subscription audit"
      const isWell = record.status === "SUCCESS" || record.status === "UNCHANGED"
      return Effect.annotateLogs(isWell ? Effect.logInfo(message) : Effect.logWarning(message), record)
    }
  })

  /** Records in memory, for tests. */
  static readonly layerMemory: Layer.Layer<Audit | AuditMemory> = Layer.effectContext(
    Effect.sync(() => {
      const records: Array<ReplayAuditRecord> = []
      const subscriptionRecords: Array<SubscriptionAuditRecord> = []
      const record = (added: AuditRecord) =>
        Effect.sync(() => {
          if ("event_id" in added) records.push(added)
          else subscriptionRecords.push(added)
        })
      return Context.make(AuditMemory, { records, subscriptionRecords }).pipe(Context.add(Audit, { record }))
    })
  )

  /**
   * Records as JSON lines, appended as they happen. `record` returns once its line is on disk; lines that wait at the
   * same time share one write and one sync. A last line cut short by a crash is closed before the next one begins.
   */
  static readonly layerFile = (path: string): Layer.Layer<Audit, AuditError, FileSystem.FileSystem> =>
    Layer.effect(Audit, makeFile(path))
}

/** The records of `Audit.layerMemory`, in the order they were made. */
export class AuditMemory extends Context.Service<
  AuditMemory,
  {
    /** Of letters. */
    readonly records: ReadonlyArray<ReplayAuditRecord>
    /** Of operations on subscriptions. */
    readonly subscriptionRecords: ReadonlyArray<SubscriptionAuditRecord>
  }
>()("effect-cxone-eventbridge/services/Audit/AuditMemory") {}

interface Pending {
  readonly line: string
  readonly written: Deferred.Deferred<void, AuditError>
}

const endsMidLine = Effect.fnUntraced(function* (file: FileSystem.File) {
  const { size } = yield* file.stat
  if (size === BigInt(0)) return false
  yield* file.seek(size - BigInt(1), "start")
  const last = new Uint8Array(1)
  yield* file.read(last)
  return last[0] !== newline
})

const newline = 10

const makeFile = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<Audit["Service"], AuditError, FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const failed = (error: { readonly message: string }) => new AuditError({ sink: path, detail: error.message })
  const file = yield* Effect.mapError(fs.open(path, { flag: "a+" }), failed)
  const encoder = new TextEncoder()
  const pending = yield* Queue.unbounded<Pending>()
  let isMidLine = yield* Effect.mapError(endsMidLine(file), failed)

  const write = Effect.fnUntraced(function* (group: ReadonlyArray<Pending>) {
    const lines = group.map(({ line }) => line).join("")
    const start = isMidLine ? "\n" : ""
    // Until the write is known to be whole, the file may end anywhere in it.
    isMidLine = true
    const exit = yield* file
      .writeAll(encoder.encode(start + lines))
      .pipe(
        Effect.andThen(Effect.sync(() => (isMidLine = false))),
        Effect.andThen(file.sync),
        Effect.mapError(failed),
        Effect.exit
      )
    for (const { written } of group) Deferred.doneUnsafe(written, exit)
  })

  yield* Queue.takeAll(pending).pipe(
    Effect.flatMap((group) => Effect.uninterruptible(write(group))),
    Effect.forever,
    Effect.forkScoped
  )

  return {
    record: (record) =>
      Effect.suspend(() => {
        const written = Deferred.makeUnsafe<void, AuditError>()
        Queue.offerUnsafe(pending, { line: `${JSON.stringify(record)}\n`, written })
        return Deferred.await(written)
      })
  }
})
