import { Context, Effect, type FileSystem, Layer, type Path } from "effect"
import type { Digest } from "effect/crypto"
import type { AuditHead } from "../domain/AuditLine.ts"
import type { AuditRecord, ReplayAuditRecord, SubscriptionAuditRecord } from "../domain/AuditRecord.ts"
import type { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import type { AuditError } from "../domain/ReplayError.ts"
import * as AuditFile from "./AuditFile.ts"
import * as AuditVerifier from "./AuditVerifier.ts"

/**
 * Where the final record of each letter, and of each operation on a subscription, goes. If a record cannot be kept,
 * what depends on it stops.
 */
export class Audit extends Context.Service<
  Audit,
  {
    /** Succeeds once the records are kept, in their order: for a file, once they are on disk. */
    readonly record: (records: ReadonlyArray<AuditRecord>) => Effect.Effect<void, AuditError>
    /** The end of the chain, for sinks that keep one: noted elsewhere, it shows later that nothing was cut off. */
    readonly head: Effect.Effect<AuditHead | undefined>
  }
>()("effect-cxone-eventbridge/services/Audit") {
  /** Records as structured log entries: successes at level `Info`, all else at `Warn`. */
  static readonly layerLogger: Layer.Layer<Audit> = Layer.succeed(Audit, {
    record: (records) =>
      Effect.forEach(
        records,
        (record) => {
          const message = "event_id" in record ? "replay audit" : "subscription audit"
          const isWell = record.status === "SUCCESS" || record.status === "UNCHANGED"
          return Effect.annotateLogs(isWell ? Effect.logInfo(message) : Effect.logWarning(message), record)
        },
        { discard: true }
      ),
    head: Effect.undefined
  })

  /** Records in memory, for tests. */
  static readonly layerMemory: Layer.Layer<Audit | AuditMemory> = Layer.effectContext(
    Effect.sync(() => {
      const records: Array<ReplayAuditRecord> = []
      const subscriptionRecords: Array<SubscriptionAuditRecord> = []
      const record = (added: ReadonlyArray<AuditRecord>) =>
        Effect.sync(() => {
          for (const one of added) {
            if ("event_id" in one) records.push(one)
            else subscriptionRecords.push(one)
          }
        })
      return Context.make(AuditMemory, { records, subscriptionRecords }).pipe(
        Context.add(Audit, { record, head: Effect.undefined })
      )
    })
  )

  /**
   * Records as JSON lines, each with the hash of the one before it: `AuditLine` is their schema, `Audit.verify` checks
   * them. `record` returns once its line is on disk; lines that wait at the same time share one write and one sync. An
   * existing file is continued. A last line that a crash has cut short is moved to a separate file. One process at a
   * time: a second one is refused.
   */
  static readonly layerFile = (
    path: string,
    options?: AuditFile.AuditFileOptions
  ): Layer.Layer<Audit, AuditError | InvalidConfiguration, Digest.Digest | FileSystem.FileSystem | Path.Path> =>
    Layer.effect(Audit, AuditFile.make(path, options))

  /**
   * Two sinks at once, for example a file and the log: a record is kept once both have kept it, the first before the
   * second.
   */
  static readonly layerBoth = <E1, R1, E2, R2>(
    first: Layer.Layer<Audit, E1, R1>,
    second: Layer.Layer<Audit, E2, R2>
  ): Layer.Layer<Audit, E1 | E2, R1 | R2> =>
    Layer.effect(
      Audit,
      Effect.zipWith(Layer.build(first), Layer.build(second), (firstContext, secondContext) => {
        const one = Context.get(firstContext, Audit)
        const other = Context.get(secondContext, Audit)
        return {
          record: (records) => Effect.andThen(one.record(records), other.record(records)),
          head: Effect.flatMap(one.head, (head) => (head === undefined ? other.head : Effect.succeed(head)))
        }
      })
    )

  /** Checks the files of an audit, all of one chain, in constant memory. See `AuditVerification`. */
  static readonly verify = AuditVerifier.verify
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
