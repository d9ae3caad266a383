import { DateTime, Effect, Metric, Option, Result, Schedule, Schema, Scope, Semaphore } from "effect"
import { Digest } from "effect/crypto"
import * as AuditLine from "../domain/AuditLine.ts"
import type { AuditRecord } from "../domain/AuditRecord.ts"
import { causesOf } from "../domain/Causes.ts"
import { checker, Positive } from "../domain/OptionRules.ts"
import type { AuditError } from "../domain/ReplayError.ts"
import * as AuditChain from "./AuditChain.ts"
import * as AuditSegments from "./AuditSegments.ts"
import * as Batch from "./Batch.ts"
import * as FileLease from "./FileLease.ts"
import { histogram } from "./MetricFamilies.ts"

/** How `Audit.layerFile` keeps its file. */
export interface AuditFileOptions {
  /**
   * When lines are brought to disk: `always`, before `record` returns; at an `interval` of a second, so that a power cut
   * costs what was recorded within it; `never`, which leaves it to the operating system. A process that is killed loses
   * nothing in any of them. Default `always`.
   */
  readonly durability?: "always" | "interval" | "never" | undefined
  /** When the file is rotated; never by default. The chain continues across files. */
  readonly rotate?:
    | {
        /** Once it holds this many bytes. */
        readonly bytes?: number | undefined
        /** With the first record of another day, UTC. */
        readonly daily?: boolean | undefined
      }
    | undefined
}

// Untyped code and files of settings get here, too: with a misspelt durability nothing would ever be synced.
const checkOptions = checker(
  Schema.Struct({
    durability: Schema.Literals(["always", "interval", "never"]).annotate({
      message: "must be always, interval or never"
    }),
    rotate: Schema.Struct({
      bytes: Schema.optionalKey(Schema.UndefinedOr(Positive).annotate({ message: "must be a whole number above 0" })),
      daily: Schema.optionalKey(Schema.UndefinedOr(Schema.Boolean).annotate({ message: "must be true or false" }))
    })
  })
)

const groupRecords = histogram("auditGroups", {})

/** Appends records to a file as a chain of lines, in groups: one write and one sync serve all that wait. */
export const make = Effect.fnUntraced(function* (
  sink: string,
  { durability = "always", rotate = {} }: AuditFileOptions = {}
) {
  yield* Effect.fromResult(checkOptions({ durability, rotate }))
  const digest = yield* Digest.Digest
  const { failure, open, orFail, path, resume, rotate: rotateSegment } = yield* AuditSegments.make(sink)
  const append = AuditChain.appender(digest)
  const encoder = new TextEncoder()
  const lease = yield* Effect.mapError(FileLease.acquire(path), (error) =>
    error._tag === "LeaseHeld"
      ? failure(`another run, or another program, writes to it: ${error.message}`, error.hint)
      : failure(causesOf(error))
  )
  // Closed after everything that is done to them below, and before the lease ends.
  const files = yield* Scope.fork(yield* Effect.scope)
  const resumed = yield* Scope.provide(resume, files)
  let { head } = resumed
  /** Absent between two files. */
  let segment: AuditSegments.Segment | undefined = resumed.segment
  /** The file may end in a part of a group that failed. */
  let isTorn = false
  let isUnsynced = false
  /** Set when what was written could not be synced: it is in doubt, and nothing may follow it. */
  let broken: AuditError | undefined
  /** Epoch milliseconds of the last look at whether the file has a name. */
  let lookedAt = 0
  const turn = yield* Semaphore.make(1)

  const isDue = (day: string, { day: lastDay, size }: AuditSegments.Segment): boolean =>
    size > 0 && (size >= (rotate.bytes ?? Infinity) || (rotate.daily === true && day !== lastDay))

  const cutBack = (current: AuditSegments.Segment) =>
    isTorn
      ? Effect.map(orFail(current.file.truncate(current.size)), () => {
          isTorn = false
        })
      : Effect.void

  const sync = (current: AuditSegments.Segment) =>
    Effect.suspend(() => {
      if (!isUnsynced) return Effect.void
      isUnsynced = false
      return Effect.tapError(orFail(current.file.sync), (error) =>
        Effect.sync(() => {
          broken = error
        })
      )
    })

  /** A file that was removed accepts everything that is written, and keeps none of it. */
  const checkNamed = Effect.fnUntraced(function* ({ file }: AuditSegments.Segment) {
    const { nlink } = yield* orFail(file.stat)
    if (!Option.contains(nlink, BigInt(0))) return
    broken = failure(
      "it was removed, or another file was put in its place, while it was written to: the latest records are lost",
      "Find out what removes it, then start the program again: it begins a new file."
    )
    return yield* broken
  })

  const segmentFor = Effect.fnUntraced(function* (day: string) {
    if (segment !== undefined) yield* cutBack(segment)
    if (segment !== undefined && isDue(day, segment)) {
      yield* checkNamed(segment)
      // After a failed sync, a second one may report success.
      yield* sync(segment)
      yield* rotateSegment(segment, head)
      segment = undefined
    }
    return (segment ??= yield* Scope.provide(open, files))
  })

  const write = Effect.fnUntraced(function* (records: ReadonlyArray<string>) {
    if (broken !== undefined) return yield* broken
    yield* Effect.mapError(lease.check, ({ hint, message }) => failure(message, hint))
    const now = yield* DateTime.now
    const day = DateTime.formatIsoDateUtc(now)
    const current = yield* segmentFor(day)
    // Not for each group, which would slow it down.
    if (Math.abs(now.epochMilliseconds - lookedAt) >= 1000) {
      lookedAt = now.epochMilliseconds
      yield* checkNamed(current)
    }
    const { head: last, lines } = yield* append(head, records)
    const bytes = encoder.encode(lines)
    isTorn = true
    yield* orFail(
      Effect.andThen(current.file.writeAll(bytes), durability === "always" ? current.file.sync : Effect.void)
    ).pipe(
      // At once, which needs no room: there may be no later write, and what is left would look like a crash.
      Effect.tapError(() => Effect.ignore(cutBack(current)))
    )
    isTorn = false
    isUnsynced = durability === "interval"
    head = last
    current.size += bytes.length
    current.day = day
    yield* Metric.update(groupRecords, records.length)
  }, turn.withPermits(1))

  const syncLater = Effect.suspend(() =>
    segment === undefined ? Effect.void : Effect.catch(sync(segment), ({ message }) => Effect.logError(message))
  ).pipe(turn.withPermits(1))

  yield* Effect.addFinalizer(() => syncLater)
  const batch = yield* Batch.make(write, failure("it is closed"))
  if (durability === "interval") yield* syncLater.pipe(Effect.repeat(Schedule.spaced("1 second")), Effect.forkScoped)

  const tooLong = (unfit: AuditRecord): AuditError => {
    const [name, value] = Object.entries(unfit).reduce((a, b) => (String(b[1]).length > String(a[1]).length ? b : a))
    return failure(
      `a record is too long, with ${String(value).length} characters of ${name}: its line would have more than ${AuditLine.maxBytes} bytes`,
      `Shorten its ${name}; no record that came with it was written.`
    )
  }

  const record = (records: ReadonlyArray<AuditRecord>): Effect.Effect<void, AuditError> =>
    Effect.suspend(() => {
      const texts = Result.all(records.map(AuditChain.canonical))
      if (Result.isFailure(texts)) return Effect.fail(failure(`a record is not JSON: ${texts.failure}`))
      const unfit = records[texts.success.findIndex((text) => !AuditLine.fits(text))]
      // Rejected before it joins a group with other records.
      return unfit === undefined ? batch.submit(texts.success) : Effect.fail(tooLong(unfit))
    })

  return { record, head: Effect.sync((): AuditLine.AuditHead => head) }
})
