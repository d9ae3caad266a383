import { Effect, FileSystem, Path, type PlatformError } from "effect"

/**
 * The one absolute path of a file, by whatever name it is called and wherever the process goes later; of a file that is
 * not there, the one it would be made at. Its folder has to be there.
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
        // Links in a circle are another error. What is no link, and not there, is yet to be made.
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
