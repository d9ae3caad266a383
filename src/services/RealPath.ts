import { Effect, FileSystem, Path, type PlatformError } from "effect"

/**
 * The canonical absolute path of a file, whatever name it is given and wherever the process changes to later; for a
 * missing file, where it would be created. Its folder must exist.
 */
export const make = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path

  /** Folder by folder, as the system goes: after a link, `..` leads out of the folder it leads to, not back. */
  const inRealFolder = (each: string): Effect.Effect<string, PlatformError.PlatformError> => {
    const folder = paths.dirname(each)
    return folder === each
      ? Effect.succeed(each)
      : Effect.map(Effect.flatMap(inRealFolder(folder), fs.realPath), (real) => paths.join(real, paths.basename(each)))
  }

  const follow = (each: string): Effect.Effect<string, PlatformError.PlatformError> =>
    Effect.flatMap(inRealFolder(each), (place) =>
      Effect.catchIf(
        fs.realPath(place),
        ({ reason }) => reason._tag === "NotFound",
        // Links in a circle are another error. What is neither there nor a link is yet to be made.
        () =>
          Effect.matchEffect(fs.readLink(place), {
            onSuccess: (target) =>
              follow(paths.isAbsolute(target) ? target : `${paths.dirname(place)}${paths.sep}${target}`),
            onFailure: () => Effect.succeed(place)
          })
      )
    )

  return yield* follow(path)
})
