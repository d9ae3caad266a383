import { Clock, Context, Effect, FileSystem, Layer, Option, Path, type PlatformError, Result } from "effect"
import { SecureRandom } from "effect/crypto"
import { KeyValueStore } from "effect/persistence"
import { causesOf } from "../domain/Causes.ts"
import { CheckpointError } from "../domain/ReplayError.ts"
import * as FileLease from "./FileLease.ts"
import { ProcessIdentity } from "./ProcessIdentity.ts"
import { RunStore } from "./RunStore.ts"
import * as SyncedFolder from "./SyncedFolder.ts"

/**
 * Checkpoints as files of a folder, and the leases that keep a second process off a run. A crash or a power cut leaves
 * either the old value or the new one: a value is written beside the old one, brought to disk, and then takes its
 * place.
 */
export const layer = (
  directory: string
): Layer.Layer<
  KeyValueStore.KeyValueStore | RunStore,
  PlatformError.PlatformError,
  FileSystem.FileSystem | Path.Path
> =>
  Layer.unwrap(
    Effect.map(Path.Path, (paths) => {
      // Resolved once: a relative path changes its meaning with the working directory.
      const folder = paths.resolve(directory)
      return Layer.merge(
        Layer.provide(KeyValueStore.layerFileSystem(folder), Layer.effect(FileSystem.FileSystem, atomicFiles(folder))),
        Layer.effect(RunStore, leases(folder))
      )
    })
  )

// Files that are not checkpoints have a "+" in their names, which `encodeURIComponent` never writes.
const draftMark = "+draft-"
const leaseFolder = "+leases"

const isKey = (name: string): boolean =>
  Result.match(
    Result.try(() => encodeURIComponent(decodeURIComponent(name)) === name),
    { onSuccess: (isSame) => isSame, onFailure: () => false }
  )

/** A draft this old belongs to a process that has died: drafts only exist while a file is being written. */
const draftAgeMillis = 3_600_000

const atomicFiles = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path

  yield* fs.makeDirectory(directory, { recursive: true })
  yield* SyncedFolder.sync(fs, paths.dirname(directory))
  const now = yield* Clock.currentTimeMillis
  yield* Effect.forEach(
    (yield* fs.readDirectory(directory)).filter((name) => name.includes(draftMark)),
    (name) => {
      const draft = paths.join(directory, name)
      const isOld = (date: Date) => now - date.getTime() > draftAgeMillis
      return fs.stat(draft).pipe(
        Effect.flatMap(({ mtime }) => (Option.exists(mtime, isOld) ? fs.remove(draft) : Effect.void)),
        // Its owner is alive, and has renamed it.
        Effect.catchIf(
          ({ reason }) => reason._tag === "NotFound",
          () => Effect.void
        )
      )
    },
    { discard: true }
  )

  const syncFolder = yield* SyncedFolder.syncer(fs, directory)
  const owner = SecureRandom.uuidV7Unsafe()
  let drafts = 0
  const writeFile = (path: string, bytes: Uint8Array) => {
    // Without the key, whose file name may already have the greatest length.
    const draft = paths.join(directory, `${draftMark}${owner}-${++drafts}`)
    return Effect.scoped(
      Effect.gen(function* () {
        const file = yield* fs.open(draft, { flag: "wx" })
        yield* file.writeAll(bytes)
        yield* file.sync
      })
    ).pipe(
      Effect.andThen(fs.rename(draft, path)),
      Effect.tapError(() => Effect.ignore(fs.remove(draft, { force: true }))),
      Effect.andThen(syncFolder)
    )
  }
  return FileSystem.FileSystem.of({
    ...fs,
    writeFile,
    writeFileString: (path, text) => writeFile(path, new TextEncoder().encode(text)),
    remove: (path, options) => Effect.andThen(fs.remove(path, options), syncFolder),
    readDirectory: (path) => Effect.map(fs.readDirectory(path), (names) => names.filter(isKey))
  })
})

const leases = Effect.fnUntraced(function* (directory: string) {
  const services = Context.pick(FileSystem.FileSystem, ProcessIdentity)(yield* Effect.context<FileSystem.FileSystem>())
  const paths = yield* Path.Path
  yield* (yield* FileSystem.FileSystem).makeDirectory(paths.join(directory, leaseFolder), { recursive: true })
  const pathOf = (runId: string) => paths.join(directory, leaseFolder, encodeURIComponent(runId))
  const failed = (runId: string) => (error: PlatformError.PlatformError) =>
    new CheckpointError({ runId, place: `${pathOf(runId)}.lease`, detail: causesOf(error) })

  return RunStore.of({
    placeOf: (key) => `file ${paths.join(directory, encodeURIComponent(key))}`,
    acquire: Effect.fnUntraced(
      function* (runId) {
        const lease = yield* FileLease.acquire(pathOf(runId))
        return {
          ...lease,
          discard: Effect.catchTag(lease.discard, "PlatformError", (error) => Effect.fail(failed(runId)(error)))
        }
      },
      (effect, runId) => Effect.catchTag(effect, "PlatformError", (error) => Effect.fail(failed(runId)(error))),
      Effect.provideContext(services)
    ),
    holder: (runId) =>
      FileLease.holder(pathOf(runId)).pipe(Effect.mapError(failed(runId)), Effect.provideContext(services))
  })
})
