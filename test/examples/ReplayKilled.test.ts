// KILLS=200 npx vitest run test/examples/ReplayKilled.test.ts
import { assert, it } from "@effect/vitest"
import { Effect, Random, Schema } from "effect"
import { join } from "node:path"
import { EmulatorStats } from "../../src/emulator/index.ts"
import type { ReplayAuditRecord } from "../../src/index.ts"
import { eventually, folder, type Running, run, start } from "./support/Program.ts"
import { assertNoStackTrace, auditOf, reportOf } from "./support/Replaying.ts"

const size = 600
const kills = Number(process.env["KILLS"] ?? 10)

/** A service of its own, which outlives the processes that replay. */
const serve = Effect.fnUntraced(function* (seed: number) {
  const queue = `--letters ${size} --pages ragged --past-retries 0.04 --oversize 0.01`
  const args = `--port 0 ${queue} --faults all,seed=${seed}`.split(" ")
  const emulator = yield* start("emulator.ts", args)
  yield* eventually(() => emulator.stdout().includes("listening") || !emulator.isRunning())
  const url = /http:\/\/\S+/.exec(emulator.stdout())?.[0] ?? assert.fail(emulator.stderr())
  const environment = { CXONE_INSTANCE_URL: url, CXONE_CLIENT_ID: "demo", CXONE_CLIENT_SECRET: "demo" }
  const stats = Effect.promise(() => fetch(`${url}/__emulator/stats`).then((response) => response.text())).pipe(
    Effect.flatMap(Schema.decodeEffect(Schema.fromJsonString(EmulatorStats)))
  )
  return { environment, stats }
})

/** Somewhere in the second after the run has begun; now and then before that. */
const killAnyTime = Effect.fnUntraced(function* (running: Running) {
  if (yield* Random.next.pipe(Effect.map((draw) => draw < 0.8))) {
    yield* eventually(() => running.stderr().includes("Run ") || !running.isRunning())
  }
  yield* Effect.sleep(yield* Random.nextIntBetween(0, 1000))
  running.kill("SIGKILL")
  return yield* running.ended
})

/** The record that counts of each letter: a process that goes on may make a second one. */
const lastOf = (records: ReadonlyArray<ReplayAuditRecord>) =>
  new Map(records.map((record) => [record.idempotency_key, record]))

/** One run, killed until it is through or the kills are used up. Tells how many hit it. */
const killed = Effect.fnUntraced(function* (seed: number, most: number) {
  const { environment, stats } = yield* serve(seed)
  const state = yield* folder
  const args = ["--topic", "topic_pub_conversations", "--state", state, "--run-id", "night-shift", "--json"].concat(
    "--concurrency 16 --page-size 20".split(" ")
  )
  let hits = 0
  while (hits < most) {
    const ended = yield* Effect.scoped(Effect.flatMap(start("replay.ts", args, environment), killAnyTime))
    if (ended.signal !== "SIGKILL") break
    hits++
  }
  const ended = yield* run("replay.ts", args, environment)
  assert.strictEqual(ended.code, 0, `${ended.stdout}${ended.stderr}`)
  assertNoStackTrace(ended)
  const report = yield* reportOf(ended)
  const seen = yield* stats

  // Each key is accepted once, always with the same bytes.
  const accepted = Object.keys(seen.deliveries)
  assert.deepStrictEqual(new Set(Object.values(seen.deliveries)), new Set([1]))
  assert.deepStrictEqual(seen.distinctBodies, {})
  assert.strictEqual(seen.payloadMismatches, 0)

  // The counts are right over all processes.
  const { failed, letters, outcomes, status, success } = report
  assert.deepStrictEqual([status, letters, success, failed], ["completed", size, accepted.length, 0])
  assert.deepStrictEqual(outcomes, {
    accepted: success,
    duplicate: 0,
    skipped: size - success,
    rejected: 0,
    exhausted: 0
  })
  assert.isBelow(success, size)

  // The audit has each letter, as the service saw it, and its chain is whole.
  const records = lastOf(yield* auditOf(state))
  assert.strictEqual(records.size, size)
  const delivered = Array.from(records.values()).filter((record) => record.status === "SUCCESS")
  assert.deepStrictEqual(new Set(delivered.map((record) => record.idempotency_key)), new Set(accepted))
  const verified = yield* run("audit.ts", ["verify", join(state, "audit.jsonl"), "--head", String(report.auditHead)])
  assert.strictEqual(verified.code, 0, verified.stdout + verified.stderr)
  return hits
}, Effect.scoped)

it.live(
  `a run killed at any instant is lossless and sends nothing twice: ${kills} kills`,
  () =>
    Effect.gen(function* () {
      let left = kills
      for (let seed = 1; left > 0; seed++) left -= yield* killed(seed, left)
    }),
  60_000 + kills * 30_000
)
