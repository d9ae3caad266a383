import { Effect, type FileSystem, Option, Scope } from "effect"

/**
 * Brings the names in a folder to disk, each time it is run; the folder is opened once. Where a folder cannot be opened,
 * the system sees to that itself.
 */
export const syncer = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, path: string) {
  const scope = yield* Effect.scope
  let folder: FileSystem.File | undefined
  const open = Scope.provide(fs.open(path, { flag: "r" }), scope)
  return Effect.gen(function* () {
    folder ??= Option.getOrUndefined(yield* Effect.option(open))
    if (folder !== undefined) yield* folder.sync
  })
})

/** Brings the names in a folder to disk. */
export const sync = (fs: FileSystem.FileSystem, path: string) => Effect.scoped(Effect.flatten(syncer(fs, path)))
