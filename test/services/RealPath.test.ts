import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { NodeEventBridge } from "../../src/node/index.ts"
import * as RealPath from "../../src/services/RealPath.ts"
import { within } from "./support/WorkingDirectory.ts"

const onNode = Effect.provide(NodeEventBridge.layer)

/** A real folder with `data/deep` and `app` in it. */
const folders = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const top = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "real-path-" }))
  yield* fs.makeDirectory(`${top}/data/deep`, { recursive: true })
  yield* fs.makeDirectory(`${top}/app`)
  return { fs, top }
})

describe("RealPath", () => {
  it.live("is the same by all names of a file, before it is made and after", () =>
    Effect.gen(function* () {
      const { fs, top } = yield* folders
      const file = `${top}/data/audit.jsonl`
      yield* fs.symlink(file, `${top}/app/absolute`)
      yield* fs.symlink("../data/audit.jsonl", `${top}/app/relative`)
      yield* fs.symlink("relative", `${top}/app/twice`)
      yield* fs.symlink("../data/deep", `${top}/app/deep`)
      yield* fs.symlink("deep/../audit.jsonl", `${top}/app/back`)
      const names = [
        "data/audit.jsonl",
        "app/absolute",
        "app/relative",
        "app/twice",
        "app/deep/../audit.jsonl",
        "app/back"
      ]
      const all = Effect.forEach(names, (name) =>
        Effect.zip(RealPath.make(`${top}/${name}`), within(top, RealPath.make(name)))
      )
      const expected = names.map(() => [file, file])
      assert.deepStrictEqual(yield* all, expected)
      // That is where the system makes it.
      yield* fs.writeFileString(`${top}/app/back`, "")
      assert.isTrue(yield* fs.exists(file))
      assert.deepStrictEqual(yield* all, expected)
    }).pipe(onNode)
  )

  it.live("fails if links form a circle, or the folder is missing", () =>
    Effect.gen(function* () {
      const { fs, top } = yield* folders
      yield* fs.symlink("two", `${top}/one`)
      yield* fs.symlink("one", `${top}/two`)
      yield* fs.symlink("missing/../self", `${top}/self`)
      for (const name of ["one", "two", "self", "missing/audit.jsonl"]) {
        const error = yield* Effect.flip(RealPath.make(`${top}/${name}`))
        assert.strictEqual(error._tag, "PlatformError")
        assert.include(error.message, top)
      }
    }).pipe(onNode)
  )
})
