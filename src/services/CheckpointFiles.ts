import { Effect, FileSystem, Layer, type Path, type PlatformError } from "effect"
import { KeyValueStore } from "effect/persistence"

/**
 * A `KeyValueStore` of files that a crash cannot leave half written: a value is written beside the old one, brought to
 * disk, and then takes its place.
 */
export const layer = (
  directory: string
): Layer.Layer<KeyValueStore.KeyValueStore, PlatformError.PlatformError, FileSystem.FileSystem | Path.Path> =>
  Layer.provide(KeyValueStore.layerFileSystem(directory), atomicWrites)

const atomicWrites: Layer.Layer<FileSystem.FileSystem, never, FileSystem.FileSystem> = Layer.effect(
  FileSystem.FileSystem,
  Effect.map(FileSystem.FileSystem, (fs) => ({
    ...fs,
    writeFileString: (path, text) => {
      const written = `${path}.new`
      return Effect.scoped(
        Effect.gen(function* () {
          const file = yield* fs.open(written, { flag: "w" })
          yield* file.writeAll(new TextEncoder().encode(text))
          yield* file.sync
        })
      ).pipe(Effect.andThen(fs.rename(written, path)))
    }
  }))
)
