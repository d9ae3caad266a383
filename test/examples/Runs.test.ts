import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { StoredRun } from "../../src/index.ts"
import { replays } from "../workflows/support/ForeignServer.ts"
import { keys } from "../workflows/support/Harness.ts"
import { type Ended, eventually, folder, lastLine, run, runShell, start, word } from "./support/Program.ts"
import { assertNoStackTrace, auditOf, environment, foreign, reportOf } from "./support/Replaying.ts"

const decodeRuns = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Array(StoredRun)))

const runsOf = Effect.fnUntraced(function* (state: string) {
  const ended = yield* run("replay.ts", ["runs", "--state", state, "--json"])
  assert.strictEqual(ended.code, 0, ended.stderr)
  return { found: yield* decodeRuns(lastLine(ended.stdout)), shown: ended.stdout }
})

const forget = (state: string, runId: string) => run("replay.ts", ["forget", runId, "--state", state])

const assertRefused = (ended: Ended, about: RegExp) => {
  assert.strictEqual(ended.code, 1, ended.stderr)
  assert.match(ended.stderr, about)
  assert.strictEqual(ended.stdout, "")
  assertNoStackTrace(ended)
}

describe.concurrent("a run and the processes that want it", () => {
  it.live("of two started at once one works, and the other says so and ends with 1", () =>
    Effect.gen(function* () {
      let isContested = () => true
      const server = yield* foreign(120, { delay: () => (isContested() ? 500 : 1) })
      const state = yield* folder
      const args = ["--state", state, "--run-id", "night", "--page-size", "10", "--concurrency", "4", "--json"]
      const both = yield* Effect.all([
        start("replay.ts", args, environment(server)),
        start("replay.ts", args, environment(server))
      ])
      isContested = () => both.every(({ isRunning }) => isRunning())
      const ended = yield* Effect.all(
        both.map((each) => each.ended),
        { concurrency: "unbounded" }
      )
      const [won, ...others] = ended.filter(({ code }) => code === 0)
      assert.isDefined(won, ended.map(({ stderr }) => stderr).join("\n"))
      assert.lengthOf(others, 0)
      for (const refused of ended.filter((each) => each !== won)) {
        assertRefused(
          refused,
          /is in use by process \d+ on \S+, since \d{4}-.*\nWait until it is done, or stop that process\./
        )
      }
      if (won === undefined) return
      const report = yield* reportOf(won)
      assert.deepStrictEqual([report.letters, report.success], [120, 120])
      assert.deepStrictEqual(new Set(server.bodies.keys()), new Set(keys(120)))
      assert.strictEqual(replays(server).length, 120)
      assert.lengthOf(yield* auditOf(state), 120)
    })
  )

  it.live("it is listed while a process works on it, and after that was killed; then it is resumed at once", () =>
    Effect.gen(function* () {
      // The first process gets so far, and no further: to letters that are sent only once a checkpoint holds a settled page.
      const service = { answers: 60 }
      const server = yield* foreign(120, { delay: () => (--service.answers >= 0 ? 1 : 60_000) })
      const state = yield* folder
      const args = ["--state", state, "--run-id", "night", "--page-size", "10", "--concurrency", "2", "--json"]
      const running = yield* start("replay.ts", args, environment(server))
      yield* eventually(() => service.answers < 0 || !running.isRunning())
      const during = yield* runsOf(state)
      const [first] = during.found
      assert.isTrue(running.isRunning(), "it has ended too early")
      if (first?.state !== "running") return assert.fail(`it is ${first?.state}`)
      assert.isAtLeast(first.letters, 10)
      assert.match(during.shown, /^night +running +/m)
      const forgotten = yield* forget(state, "night")
      assertRefused(forgotten, /^run night is in progress in process \d+ on \S+, since \d{4}-.*\nWait until/)
      assert.include(forgotten.stderr, `process ${first.holder?.pid} on`)

      assert.isTrue(running.isRunning(), "it has ended too early")
      running.kill("SIGKILL")
      yield* running.ended
      const [killed] = (yield* runsOf(state)).found
      assert.deepInclude(killed, { state: "cut-off", holder: null })
      service.answers = Infinity
      const ended = yield* run("replay.ts", args, environment(server))
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.deepStrictEqual(new Set(server.bodies.keys()), new Set(keys(120)))
      const [complete] = (yield* runsOf(state)).found
      assert.deepInclude(complete, { state: "completed", letters: 120, success: 120, failed: 0, skipped: 0 })
    })
  )

  it.live("a broken one is listed beside the others, and can be forgotten", () =>
    Effect.gen(function* () {
      const state = yield* folder
      const replay = (runId: string) => run("replay.ts", ["--letters", "20", "--state", state, "--run-id", runId])
      yield* replay("first")
      yield* replay("second")
      const file = join(state, "checkpoints", "replay-run%3Afirst")
      writeFileSync(file, "{")
      const again = yield* replay("first")
      assertRefused(
        again,
        /^the checkpoint of run first \(file .*replay-run%3Afirst\) could not be used: .*\n.*forget the run/
      )
      const { found, shown } = yield* runsOf(state)
      assert.deepStrictEqual(
        found.map(({ runId, state: stands }) => [runId, stands]),
        [
          ["second", "completed"],
          ["first", "unreadable"]
        ]
      )
      assert.include(shown, file)
      const forgotten = yield* forget(state, "first")
      assert.strictEqual(forgotten.code, 0, forgotten.stderr)
      assert.strictEqual(forgotten.stdout, "Run first was forgotten. Its audit records are kept.\n")
      assert.isFalse(existsSync(file))
      assertRefused(yield* forget(state, "first"), /^there is no run first in /)
      assert.lengthOf((yield* runsOf(state)).found, 1)
      const anew = yield* replay("first")
      assert.strictEqual(anew.code, 0, anew.stderr)
    })
  )

  it.live("control characters of a name are not sent to the terminal, and the command shown resumes its run", () =>
    Effect.gen(function* () {
      const server = yield* foreign(60, { delay: () => 100 })
      const state = yield* folder
      const runId = "it's\\\x1b[31mred\n\u{e0001}\u009b2J"
      const running = yield* start("replay.ts", ["--state", state, "--run-id", runId], environment(server))
      yield* eventually(() => server.bodies.size >= 10 || !running.isRunning())
      running.kill("SIGINT")
      const halted = yield* running.ended
      assert.strictEqual(halted.code, 3, halted.stderr)
      assert.include(halted.stderr, "Run it's\\ [31mred 2J on ")
      assert.match(halted.stdout, /^run +it's\\ \[31mred 2J$/m)
      const command = lastLine(halted.stderr).trim()
      const resumed = yield* runShell(`bash -c ${word(`${command} --json`)}`, environment(server))
      assert.strictEqual(resumed.code, 0, resumed.stderr)
      const report = yield* reportOf(resumed)
      assert.deepStrictEqual([report.runId, report.success], [runId, 60])
      const forgotten = [yield* forget(state, runId), yield* forget(state, runId)]
      assert.deepStrictEqual(
        forgotten.map(({ code }) => code),
        [0, 1]
      )
      for (const { stderr, stdout } of [halted, ...forgotten]) assert.notMatch(stderr + stdout, /(?!\n)[\p{Cc}\p{Cf}]/u)
    })
  )

  it.live("a folder that holds none is reported, and not created", () =>
    Effect.gen(function* () {
      const state = join(yield* folder, "missing")
      assertRefused(yield* run("replay.ts", ["runs", "--state", state]), /holds no runs\nName the folder/)
      assertRefused(yield* forget(state, "night"), /holds no runs\nName the folder/)
      assert.isFalse(existsSync(state))
    })
  )
})
