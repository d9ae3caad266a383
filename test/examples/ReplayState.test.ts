import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { replays } from "../workflows/support/ForeignServer.ts"
import { keys } from "../workflows/support/Harness.ts"
import { eventually, folder, run, start } from "./support/Program.ts"
import { assertNoSecret, auditOf, environment, foreign, reportOf } from "./support/Replaying.ts"

describe.concurrent("what is kept under --state", () => {
  it.live("is there during the run, and whole when the run is killed, which then resumes where it was", () =>
    Effect.gen(function* () {
      const server = yield* foreign(200, { delay: () => 15 })
      const state = yield* folder
      const args = ["--state", state, "--run-id", "night-shift", "--page-size", "10", "--concurrency", "4", "--json"]
      const running = yield* start("replay.ts", args, environment(server))
      yield* eventually(() => server.bodies.size >= 70 || !running.isRunning())
      const read = yield* auditOf(state)
      assert.isAtLeast(read.length, 20)
      assert.isAbove(read.length, server.bodies.size - 20)
      assert.isTrue(running.isRunning())
      running.kill("SIGKILL")
      const killed = yield* running.ended
      assert.strictEqual(killed.signal, "SIGKILL")
      const before = server.bodies.size
      assert.isBelow(before, 200)
      // What was recorded as delivered was delivered.
      for (const { idempotency_key } of yield* auditOf(state)) assert.isTrue(server.bodies.has(String(idempotency_key)))

      const ended = yield* run("replay.ts", args, environment(server))
      assert.strictEqual(ended.code, 0, ended.stderr)
      const report = yield* reportOf(ended)
      assert.deepStrictEqual(
        [report.runId, report.letters, report.success, report.failed, report.skipped],
        ["night-shift", 200, 200, 0, 0]
      )
      assert.deepStrictEqual(new Set(server.bodies.keys()), new Set(keys(200)))
      assert.strictEqual(server.changed.size, 0)
      const initiated = Array.from(server.bodies.values(), (body) => /"initiatedAt":"([^"]*)"/.exec(body)?.[1])
      assert.strictEqual(new Set(initiated).size, 1)
      // What had settled is not sent again.
      assert.isBelow(replays(server).length, 200 + before)
      const records = yield* auditOf(state)
      assert.strictEqual(new Set(records.map(({ event_id }) => event_id)).size, 200)
      assert.isTrue(records.every(({ run_id, status }) => status === "SUCCESS" && run_id === "night-shift"))
      assertNoSecret(ended, server, JSON.stringify(records))

      const again = yield* run("replay.ts", args, environment(server))
      assert.strictEqual(again.code, 0, again.stderr)
      assert.include(again.stderr, "Run night-shift is already complete: nothing is sent.")
      assert.deepStrictEqual(yield* reportOf(again), report)
      assert.strictEqual((yield* auditOf(state)).length, records.length)
    })
  )

  it.live("has one line a letter", () =>
    Effect.gen(function* () {
      const state = yield* folder
      const ended = yield* run("replay.ts", ["--letters", "120", "--faults", "few", "--state", state])
      assert.strictEqual(ended.code, 0, ended.stderr)
      const records = yield* auditOf(state)
      assert.strictEqual(records.length, 120)
      assert.strictEqual(new Set(records.map(({ idempotency_key }) => idempotency_key)).size, 120)
      assert.isTrue(existsSync(join(state, "checkpoints")))
    })
  )
})
