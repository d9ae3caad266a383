import { DateTime, Effect, Exit, FileSystem, Option, Path, type PlatformError, Scope } from "effect"
import { Digest } from "effect/crypto"
import { type AuditHead, genesis } from "../domain/AuditLine.ts"
import { causesOf } from "../domain/Causes.ts"
import { AuditError } from "../domain/ReplayError.ts"
import * as AuditTail from "./AuditTail.ts"
import * as RealPath from "./RealPath.ts"
import * as SyncedFolder from "./SyncedFolder.ts"

/** The file that is written to. */
export interface Segment {
  readonly file: FileSystem.File
  /** Closes the file before its scope does. */
  readonly close: Effect.Effect<void>
  /** Bytes of whole lines. */
  size: number
  /** The day of its last line, UTC. */
  day: string
}

/**
 * What cannot hold a chain, refused before anything is made beside it: opening a pipe waits until somebody reads it, and
 * reading `/dev/full` never ends.
 */
const noFile = new Set<FileSystem.File.Type>(["BlockDevice", "CharacterDevice", "Directory", "FIFO", "Socket"])

/**
 * The files of one audit: the one that is written to, and the full ones before it, `audit.000000012000.jsonl` beside
 * `audit.jsonl`, each named for the number of its last line.
 */
export const make = Effect.fnUntraced(function* (sink: string) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const digest = yield* Digest.Digest

  const failure = (detail: string, remedy?: string) =>
    new AuditError({ sink, detail, ...(remedy === undefined ? {} : { remedy }) })
  const orFail = Effect.mapError((error: PlatformError.PlatformError) => failure(causesOf(error)))

  // Resolved once: a rename would move a link instead of the file, and a relative path changes its meaning with the
  // working directory.
  const path = yield* orFail(RealPath.make(sink))
  const there = yield* Effect.option(fs.stat(path))
  if (Option.exists(there, ({ type }) => noFile.has(type))) {
    return yield* failure("it is a folder, a pipe, a socket or a device", "Name a file.")
  }
  const folder = paths.dirname(path)
  const { ext, name } = paths.parse(path)

  const nameOf = (lastLine: number | string): string => `${name}.${String(lastLine).padStart(12, "0")}${ext}`
  const isEarlier = (each: string): boolean =>
    /^\d+$/.test(each.slice(name.length + 1, each.length - ext.length)) &&
    each === nameOf(each.slice(name.length + 1, each.length - ext.length))

  const tailOf = Effect.fnUntraced(function* (file: string, size: number) {
    const tail = yield* orFail(AuditTail.read(file, size, digest))
    return yield* Effect.mapError(Effect.fromResult(tail), (problem) =>
      failure(
        file === path ? problem : `${file}: ${problem}`,
        "Verify the file, then move it away or name another one; nothing was changed."
      )
    )
  })

  /** The end of the newest rotated file, for a current file that is still empty. */
  const headBefore = Effect.gen(function* () {
    const names = (yield* orFail(fs.readDirectory(folder))).filter(isEarlier)
    const newest = names.toSorted().at(-1)
    if (newest === undefined) return genesis
    const file = paths.join(folder, newest)
    const { size } = yield* orFail(fs.stat(file))
    return (yield* tailOf(file, Number(size))).head ?? genesis
  })

  /** Opens the file until the scope closes, and creates it if there is none. */
  const open = Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    return yield* Effect.gen(function* () {
      const file = yield* Scope.provide(fs.open(path, { flag: "a" }), scope)
      const { mtime, size } = yield* file.stat
      yield* SyncedFolder.sync(fs, folder)
      const since = size === BigInt(0) ? yield* DateTime.now : DateTime.makeUnsafe(Option.getOrElse(mtime, () => 0))
      return {
        file,
        close: Scope.close(scope, Exit.void),
        size: Number(size),
        day: DateTime.formatIsoDateUtc(since)
      } satisfies Segment
    }).pipe(Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))))
  }).pipe(Effect.uninterruptible, orFail)

  /** Moves what a crash has left of a line to a separate file. */
  const setAside = Effect.fnUntraced(function* (segment: Segment, size: number, torn: Uint8Array) {
    const kept = `${path}.torn-${DateTime.formatIso(yield* DateTime.now).replaceAll(":", "-")}`
    yield* Effect.scoped(
      Effect.gen(function* () {
        const file = yield* fs.open(kept, { flag: "w" })
        yield* file.writeAll(torn)
        yield* file.sync
      })
    )
    yield* segment.file.truncate(size)
    yield* segment.file.sync
    segment.size = size
    yield* Effect.logWarning(
      `${sink} ended in a line that a crash had cut short; its ${torn.length} bytes were moved to ${kept}`
    )
  })

  /** Opens the file to continue its chain. */
  const resume = Effect.gen(function* () {
    const segment = yield* open
    const { head, size, torn } = yield* tailOf(path, segment.size)
    if (torn !== undefined) yield* orFail(setAside(segment, size, torn))
    return { segment, head: head ?? (yield* headBefore) }
  })

  /** Closes the file and renames it as a full one. What is written next goes into a new one. */
  const rotate = Effect.fnUntraced(function* ({ close, file }: Segment, { seq }: AuditHead) {
    const target = paths.join(folder, nameOf(seq))
    if (yield* orFail(fs.exists(target))) {
      return yield* failure(`it cannot be rotated: ${target} already exists`, "Move one of the two away.")
    }
    yield* orFail(Effect.andThen(file.sync, fs.rename(path, target)))
    yield* close
  })

  return { path, open, resume, rotate, failure, orFail }
})
