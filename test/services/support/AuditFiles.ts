import { DateTime, Effect, FileSystem, Layer, PlatformError, Schema } from "effect"
import { Audit, type AuditFileOptions, AuditLine, type ReplayAuditRecord } from "../../../src/index.ts"
import { NodeEventBridge } from "../../../src/node/index.ts"
import { record } from "../Support.ts"

/** A path in a folder that goes with the test. */
export const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  Effect.map(fs.makeTempDirectoryScoped({ prefix: "audit-" }), (folder) => `${folder}/audit.jsonl`)
)

export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"))

export const namesBeside = (path: string) =>
  Effect.map(
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(folderOf(path))),
    (names) => names.toSorted()
  )

export const contentOf = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))

export const seed = (path: string, content: string | Uint8Array) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    fs.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content)
  )

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(AuditLine))

export const linesOf = (content: string) =>
  content
    .split("\n")
    .slice(0, -1)
    .map((line) => decode(line))

export const idOf = ({ record: kept }: AuditLine): string =>
  "event_id" in kept ? kept.event_id : (kept.subscriptionId ?? "")

export const idsOf = (content: string) => linesOf(content).map(idOf)

/** Writes records one after the other, with a writer of their own, as a process would. */
export const writeAll = (
  path: string,
  records: ReadonlyArray<ReplayAuditRecord | string>,
  options?: AuditFileOptions
) =>
  Effect.gen(function* () {
    const audit = yield* Audit
    for (const each of records) yield* audit.record([typeof each === "string" ? record(each) : each])
    return yield* audit.head
  }).pipe(Effect.provide(Layer.fresh(Audit.layerFile(path, options))))

export const ids = (size: number, from = 1) => Array.from({ length: size }, (_, index) => `evt_${from + index}`)

export const at = (iso: string): number => DateTime.toEpochMillis(DateTime.makeUnsafe(iso))

/** What is done to files, in order, and how it is to fail. */
export const layerWatched = (
  operations: Array<string>,
  fate: (operation: string, nth: number) => "done" | "refused" | "half" = () => "done"
) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => {
      const counts = new Map<string, number>()
      // As Node's file system says it: the system's own words are only in the cause.
      const noSpace = PlatformError.systemError({
        _tag: "Unknown",
        module: "FileSystem",
        method: "writeAll",
        cause: new Error("ENOSPC: no space left on device")
      })
      const decide = (operation: string) => {
        operations.push(operation)
        const nth = (counts.get(operation) ?? 0) + 1
        counts.set(operation, nth)
        return fate(operation, nth)
      }
      return FileSystem.FileSystem.of({
        ...fs,
        open: (path, options) =>
          Effect.map(fs.open(path, options), (file) => {
            if (!path.endsWith("audit.jsonl")) return file
            const watched: FileSystem.File = Object.create(file, {
              truncate: {
                value: (length?: number) => {
                  operations.push("truncate")
                  return file.truncate(length)
                }
              },
              writeAll: {
                value: (bytes: Uint8Array) => {
                  const decided = decide("write")
                  if (decided === "done") return file.writeAll(bytes)
                  const part = decided === "half" ? file.writeAll(bytes.subarray(0, bytes.length >> 1)) : Effect.void
                  return Effect.andThen(part, Effect.fail(noSpace))
                }
              },
              sync: {
                value: Effect.suspend(() => (decide("sync") === "done" ? file.sync : Effect.fail(noSpace)))
              }
            })
            return watched
          })
      })
    })
  ).pipe(Layer.provideMerge(NodeEventBridge.layer))

/** How many files are open, and what is done to one that is to fail. */
export const layerCounted = (files: { open: number }, fails: (operation: "stat" | "sync", path: string) => boolean) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => {
      const refused = PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method: "refused" })
      const unlessRefused = <A>(
        operation: "stat" | "sync",
        path: string,
        effect: Effect.Effect<A, PlatformError.PlatformError>
      ) => Effect.suspend(() => (fails(operation, path) ? Effect.fail(refused) : effect))
      const count = Effect.acquireRelease(
        Effect.sync(() => files.open++),
        () => Effect.sync(() => files.open--)
      )
      return FileSystem.FileSystem.of({
        ...fs,
        open: (path, options) =>
          Effect.map(Effect.tap(fs.open(path, options), count), (file): FileSystem.File =>
            Object.create(file, {
              stat: { value: unlessRefused("stat", path, file.stat) },
              sync: { value: unlessRefused("sync", path, file.sync) }
            })
          )
      })
    })
  ).pipe(Layer.provideMerge(NodeEventBridge.layer))
