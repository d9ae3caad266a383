// What the figures were taken on.
import { Effect, FileSystem, Option, Schema } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { arch, availableParallelism, cpus, loadavg, release, tmpdir, totalmem, type } from "node:os"
import { join } from "node:path"
import * as Python from "./Python.ts"

const root = join(import.meta.dirname, "..")

const packages = ["effect", "@effect/platform-node", "undici", "zod", "rolldown"]

const Manifest = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

const versionOf = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  return (yield* Schema.decodeUnknownEffect(Manifest)(yield* fs.readFileString(join(folder, "package.json")))).version
})

const git = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  return (yield* spawner.string(ChildProcess.make("git", args, { cwd: root }))).trim()
})

/** The commit, and whether the files have changed since; a packed copy has none. */
const commit = Effect.gen(function* () {
  const hash = yield* git("rev-parse", "HEAD")
  const changes = yield* git("status", "--porcelain")
  return hash === "" ? "unknown" : changes === "" ? hash : `${hash} with changes`
}).pipe(Effect.orElseSucceed(() => "unknown"))

/** The file system that audits and checkpoints are written to. */
const temporaryFiles = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const mounts = (yield* fs.readFileString("/proc/self/mounts")).trim().split("\n")
  const holding = mounts
    .map((mount) => mount.split(" "))
    .filter(([, at = ""]) => tmpdir() === at || tmpdir().startsWith(at.endsWith("/") ? at : `${at}/`))
    .toSorted(([, one = ""], [, other = ""]) => other.length - one.length)
  return `${tmpdir()} on ${holding[0]?.[2] ?? "an unknown file system"}`
}).pipe(Effect.orElseSucceed(() => tmpdir()))

export const describe = Effect.gen(function* () {
  const versions = yield* Effect.forEach(packages, (name) =>
    versionOf(join(root, "node_modules", name)).pipe(
      Effect.orElseSucceed(() => "missing"),
      Effect.map((version) => [name, version] as const)
    )
  )
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${arch()}`,
    temporaryFiles: yield* temporaryFiles,
    loadAtStart: loadavg()[0] ?? 0,
    node: process.version,
    python: Option.getOrNull(yield* Python.versions),
    packages: Object.fromEntries(versions),
    commit: yield* commit
  }
})

export type Machine = Effect.Success<typeof describe>
