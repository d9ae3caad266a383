import { Effect, type FileSystem, Option, type PlatformError, type Scope } from "effect"

/** What brings the names in a folder to disk. Where a folder cannot be opened, the system sees to that itself. */
export const open = (
  fs: FileSystem.FileSystem,
  path: string
): Effect.Effect<Effect.Effect<void, PlatformError.PlatformError>, never, Scope.Scope> =>
  Effect.map(
    Effect.option(fs.open(path, { flag: "r" })),
    Option.match({ onNone: () => Effect.void, onSome: (folder) => folder.sync })
  )

/** Brings the names in a folder to disk. */
export const sync = (fs: FileSystem.FileSystem, path: string) => Effect.scoped(Effect.flatten(open(fs, path)))
