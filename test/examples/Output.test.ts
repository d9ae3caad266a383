import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { folder, lastLine, run, runShell, word } from "./support/Program.ts"
import { assertNoStackTrace, auditOf, environment, foreign, reportOf } from "./support/Replaying.ts"

/** A device without room, as a full disk is. */
const full = "/dev/full"

const node = (file: string, ...args: ReadonlyArray<string>) =>
  [process.execPath, join("examples", file), ...args].map(word).join(" ")

/** A service that takes none of ten letters: a run on it ends with 2. */
const refusing = foreign(10, { answer: ({ route }) => (route === "replay" ? { status: 400 } : undefined) })

const lost = "The output could not be written to stdout: no space left on the device."

describe("stderr that nobody reads any more", () => {
  it.live("does not end a run", () =>
    Effect.gen(function* () {
      const state = yield* folder
      const at = (name: string) => word(join(state, name))
      const replay = node("replay.ts", "--letters", "400", "--state", state, "--run-id", "unseen", "--json")
      const ended = yield* runShell(`{ ${replay} >${at("out")}; echo $? >${at("code")}; } 2>&1 | head -n 1`)
      assert.strictEqual(ended.stdout, "Run unseen on an embedded emulator\n")
      assert.strictEqual(readFileSync(join(state, "code"), "utf8"), "0\n")
      const report = yield* reportOf({ ...ended, stdout: readFileSync(join(state, "out"), "utf8") })
      assert.deepStrictEqual([report.status, report.success], ["completed", 400])
      assert.lengthOf(yield* auditOf(state), 400)
    })
  )

  it.live("nor does one that is full change its exit code", () =>
    Effect.gen(function* () {
      const ended = yield* runShell(`${node("replay.ts", "--letters", "20", "--json")} 2>${full}`)
      assert.strictEqual(ended.code, 0)
      assert.strictEqual((yield* reportOf(ended)).success, 20)
      const refused = yield* runShell(`${node("replay.ts", "--consurrency", "4")} 2>${full}`)
      assert.strictEqual(refused.code, 1)
    })
  )
})

describe("stdout that is full", () => {
  it.live(
    "loses the result: the program says so, and its exit code is 1",
    () =>
      Effect.gen(function* () {
        const state = yield* folder
        yield* run("replay.ts", ["--letters", "5", "--state", state])
        const programs = [
          node("replay.ts", "--letters", "20", "--json"),
          node("replay.ts", "--help"),
          node("start.ts"),
          node("openapi.ts"),
          node("subscriptions.ts", "list", "--json"),
          node("audit.ts", "verify", join(state, "audit.jsonl"))
        ]
        for (const program of programs) {
          const ended = yield* runShell(`${program} >${full}`)
          assert.strictEqual(ended.code, 1, program + ended.stderr)
          assert.strictEqual(lastLine(ended.stderr), lost, program)
          assert.lengthOf(ended.stderr.split(lost), 2, program)
          assertNoStackTrace(ended)
        }
      }),
    60_000
  )

  it.live("leaves a program that has failed its own exit code", () =>
    Effect.gen(function* () {
      const server = yield* refusing
      const refused = yield* runShell(`${node("replay.ts")} >${full}`, environment(server))
      assert.strictEqual(refused.code, 2, refused.stderr)
      assert.include(refused.stderr, lost)
    })
  )
})

describe("stdout whose reader has gone", () => {
  it.live(
    "ends quietly: the reader wanted no more, and the exit code is the program's own",
    () =>
      Effect.gen(function* () {
        const state = yield* folder
        const code = join(state, "code")
        const server = yield* refusing
        const programs: ReadonlyArray<readonly [string, string]> = [
          [node("openapi.ts"), "0\n"],
          [node("start.ts"), "2\n"],
          [node("replay.ts", "--state", state, "--json"), "2\n"]
        ]
        for (const [program, own] of programs) {
          const ended = yield* runShell(`{ ${program}; echo $? >${word(code)}; } | true`, environment(server))
          assert.strictEqual(readFileSync(code, "utf8"), own, program + ended.stderr)
          assert.notInclude(ended.stderr, "could not be written")
          assertNoStackTrace(ended)
        }
        assert.lengthOf(yield* auditOf(state), 10)
      }),
    60_000
  )
})
