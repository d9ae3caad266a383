import { Effect, type FileSystem, type PlatformError, Scope } from "effect"

/** Windows opens no folders, and takes care of their names itself; nor can an unreadable folder be opened. */
const cannotBeOpened = ({ reason }: PlatformError.PlatformError): boolean =>
  reason._tag === "BadResource" || reason._tag === "PermissionDenied"

/** Brings the names in a folder to disk, each time it is run, if that can be done; the folder is opened once. */
export const syncer = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, path: string) {
  const scope = yield* Effect.scope
  let folder: FileSystem.File | undefined
  const open = Scope.provide(fs.open(path, { flag: "r" }), scope)
  return Effect.gen(function* () {
    folder ??= yield* Effect.catchIf(open, cannotBeOpened, () => Effect.undefined)
    if (folder !== undefined) yield* folder.sync
  })
})

/** Brings the names in a folder to disk. */
export const sync = (fs: FileSystem.FileSystem, path: string) => Effect.scoped(Effect.flatten(syncer(fs, path)))
