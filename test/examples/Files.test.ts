import { assert, describe, it } from "@effect/vitest"
import { Effect, PlatformError } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as SystemProblem from "../../examples/shared/SystemProblem.ts"
import { folder, run } from "./support/Program.ts"
import { assertNoStackTrace } from "./support/Replaying.ts"

const refused = Effect.fnUntraced(function* (file: string, args: ReadonlyArray<string>, message: string) {
  const ended = yield* run(file, args)
  assert.strictEqual(ended.code, 1, ended.stderr)
  assert.include(ended.stderr, message)
  assert.strictEqual(ended.stdout, "")
  assertNoStackTrace(ended)
})

const replay = (state: string) => ["--letters", "1", "--state", state]
const runs = (state: string) => ["runs", "--state", state]

const isFile = "it exists and is not a folder\nName a folder that can be written to."
const isBelowFile = "part of the path is a file, not a folder\nName a folder that can be written to."
const out = "Name a file that can be written, in a folder that exists."

describe("a file or folder that cannot be used is named, with what is wrong with it", () => {
  it.live("--state", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const file = join(at, "file")
      const checkpoints = join(at, "checkpoints")
      const long = join(at, "a".repeat(300))
      writeFileSync(file, "")
      writeFileSync(checkpoints, "")
      yield* refused("replay.ts", replay(file), `--state cannot be used: "${file}": ${isFile}`)
      yield* refused("replay.ts", replay(join(file, "x")), `"${join(file, "x")}": ${isBelowFile}`)
      yield* refused("replay.ts", replay(long), `"${long}": the name is too long\n`)
      yield* refused("replay.ts", replay(""), `"": there is no such file or folder\n`)
      yield* refused("replay.ts", replay(at), `"${checkpoints}": ${isFile}`)
      yield* refused("replay.ts", runs(file), `"${join(file, "checkpoints")}": ${isBelowFile}`)
      yield* refused("replay.ts", runs(at), `"${checkpoints}`)
    })
  )

  it.live("--out", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const missing = join(at, "missing/openapi.json")
      const openapi = (file: string, problem: string) =>
        refused("openapi.ts", ["--out", file], `--out "${file}" cannot be written: ${problem}\n${out}`)
      yield* openapi(missing, "there is no such file or folder")
      yield* openapi(at, "it is a folder, not a file")
      yield* openapi("", "there is no such file or folder")
      yield* openapi("/dev/full", "no space left on the device")
    })
  )

  it.live("definitions", () =>
    Effect.gen(function* () {
      const at = yield* folder
      const args = ["plan", "--file", at]
      yield* refused("subscriptions.ts", args, `"${at}" cannot be read: it is a folder, not a file`)
    })
  )

  it("by the code that Node gives as the cause, and by Node's own words if there are no others", () => {
    const failed = (code: string) =>
      PlatformError.systemError({
        _tag: "Unknown",
        module: "FileSystem",
        method: "makeDirectory",
        pathOrDescriptor: "/state",
        cause: Object.assign(new Error(`${code}: words of Node`), { code })
      })
    assert.strictEqual(SystemProblem.withPath(failed("EROFS")), `"/state": the file system is read-only`)
    assert.strictEqual(SystemProblem.withPath(failed("EACCES")), `"/state": permission denied`)
    assert.strictEqual(SystemProblem.withPath(failed("EMFILE")), `"/state": EMFILE: words of Node`)
  })
})
