import { Effect, type FileSystem, Option } from "effect"

/** Brings the names in a folder to disk. Where a folder cannot be opened, the system sees to that itself. */
export const sync = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, path: string) {
  const folder = yield* Effect.option(fs.open(path, { flag: "r" }))
  if (Option.isSome(folder)) yield* folder.value.sync
}, Effect.scoped)
