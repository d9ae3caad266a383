import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defaultTopicId, Emulator, EmulatorServer } from "../../src/emulator/index.ts"
import { type ForeignServer, keyOf, replays } from "../workflows/support/ForeignServer.ts"
import { key, keys, letters, topicId } from "../workflows/support/Harness.ts"
import { folder, lastLine, root, run, runShell, word } from "./support/Program.ts"
import { assertNoSecret, assertNoStackTrace, auditOf, environment, foreign, reportOf } from "./support/Replaying.ts"

describe.concurrent("node examples/replay.ts", () => {
  it.live("replays the letters of the emulator, and says so in JSON", () =>
    Effect.gen(function* () {
      const ended = yield* run("replay.ts", ["--letters", "60", "--faults", "few", "--json"])
      assert.strictEqual(ended.code, 0, ended.stderr)
      const report = yield* reportOf(ended)
      assert.deepStrictEqual(
        [report.status, report.letters, report.success, report.failed, report.skipped],
        ["completed", 60, 60, 0, 0]
      )
      assert.isAbove(report.seconds, 0)
      assert.isAbove(report.latencyMs.p50, 0)
      assert.include(ended.stdout, "letters read")
      assert.isAbove(ended.stdout.trimEnd().split("\n").length, 10)
      assert.include(ended.stderr, report.runId)
      assertNoSecret(ended)
      assertNoStackTrace(ended)
    })
  )

  it.live.each([
    ["an emulator", false, {}, defaultTopicId, []],
    ["an emulator, with a topic of the environment's", false, { CXONE_TOPIC_ID: "topic_of_mine" }, "topic_of_mine", []],
    [
      "an emulator, with the topic asked for",
      false,
      { CXONE_TOPIC_ID: "topic_of_mine" },
      "another",
      ["--topic", "another"]
    ],
    ["the service of the environment", true, {}, topicId, []]
  ] as const)("says which service it was on, and takes the topic there: %s", ([, isReal, env, topic, args]) =>
    Effect.gen(function* () {
      const server = yield* foreign(1)
      const given = isReal ? environment(server) : env
      const service = isReal ? server.url : "an embedded emulator"
      const ended = yield* run("replay.ts", ["--json", ...args], given)
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.include(ended.stderr, ` on ${service}\n`)
      assert.include(ended.stdout, service)
      assert.include(lastLine(ended.stdout), `"service":"${service}"`)
      const report = yield* reportOf(ended)
      assert.strictEqual(report.topicId, topic)
      assert.isAbove(report.success, 0)
      const planned = yield* run("replay.ts", ["--json", "--dry-run"], given)
      assert.include(lastLine(planned.stdout), `"service":"${service}"`)
    })
  )

  it.live("npm start's program replays all of its letters", () =>
    Effect.gen(function* () {
      const ended = yield* run("start.ts", [])
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.match(ended.stdout, /^status +completed$/m)
      assert.match(ended.stdout, /^letters read +500$/m)
      assert.match(ended.stdout, /^ +delivered +500$/m)
      assert.include(ended.stderr, "of 500 letters")
      assertNoStackTrace(ended)
    })
  )

  it.live("under all faults ends with 0", () =>
    Effect.gen(function* () {
      const ended = yield* run("replay.ts", ["--letters", "200", "--faults", "all,seed=11", "--json"])
      assert.strictEqual(ended.code, 0, ended.stderr)
      const report = yield* reportOf(ended)
      assert.deepStrictEqual([report.letters, report.success, report.failed], [200, 200, 0])
      assertNoSecret(ended)
    })
  )

  it.live("ends with 2 when letters failed, and names them in the audit", () =>
    Effect.gen(function* () {
      const server = yield* foreign(30, {
        answer: (arrival) =>
          keyOf(arrival) === key(7) ? { status: 400, body: `{"message":"no such conversation"}` } : undefined
      })
      const state = yield* folder
      const ended = yield* run("replay.ts", ["--state", state, "--json"], environment(server))
      assert.strictEqual(ended.code, 2, ended.stderr)
      const report = yield* reportOf(ended)
      assert.deepStrictEqual(
        [report.status, report.success, report.failed, report.outcomes.rejected],
        ["completed", 29, 1, 1]
      )
      assert.deepStrictEqual(report.byClassification, { SCHEMA_VIOLATION: 1 })
      assert.strictEqual(server.bodies.size, 29)
      const records = yield* auditOf(state)
      assert.strictEqual(records.length, 30)
      const failed = records.filter(({ status }) => status === "FAILED")
      assert.deepStrictEqual(
        failed.map(({ detail, event_id }) => [event_id, detail?.includes("no such conversation")]),
        [["evt_7", true]]
      )
      assertNoSecret(ended, server, readFileSync(join(state, "audit.jsonl"), "utf8"))
      assertNoStackTrace(ended)
    })
  )

  it.live.each([
    ["in the repository", root, /^npx node examples\/replay\.ts .*--run-id /],
    // There `npx node` would be another Node.
    ["elsewhere", tmpdir(), new RegExp(`^${process.execPath} ${root}/examples/replay\\.ts .*--run-id `)]
  ] as const)("ends with 3 when it halts, and the command it prints resumes it: %s", ([, cwd, shown]) =>
    Effect.gen(function* () {
      let revokeAt = 25
      const server: ForeignServer = yield* foreign(60, {
        answer: (arrival) => {
          if (arrival.route === "replay" && server.bodies.size >= revokeAt) server.revoke()
          return undefined
        }
      })
      const state = yield* folder
      const given = [
        process.execPath,
        join(root, "examples/replay.ts"),
        "--state",
        state,
        "--json",
        "--page-size",
        "10"
      ]
      const typed = (command: string) => runShell(`cd ${word(cwd)} && ${command}`, environment(server))
      const ended = yield* typed(given.map(word).join(" "))
      assert.strictEqual(ended.code, 3, ended.stderr)
      const report = yield* reportOf(ended)
      assert.deepStrictEqual([report.status, report.failed], ["halted", 0])
      assert.strictEqual(report.success, server.bodies.size)
      assert.isBelow(report.letters, 60)
      assert.include(ended.stdout, "stopped because")
      assertNoSecret(ended, server, readFileSync(join(state, "audit.jsonl"), "utf8"))
      assertNoStackTrace({ ...ended, stderr: ended.stderr.replace(process.execPath, "") })

      const command = lastLine(ended.stderr).trim()
      assert.match(command, shown)
      revokeAt = Number.POSITIVE_INFINITY
      server.restore()
      const resumed = yield* typed(command)
      assert.strictEqual(resumed.code, 0, resumed.stderr)
      const whole = yield* reportOf(resumed)
      assert.deepStrictEqual(
        [whole.runId, whole.status, whole.letters, whole.success, whole.failed, whole.skipped],
        [report.runId, "completed", 60, 60, 0, 0]
      )
      assert.deepStrictEqual(new Set(server.bodies.keys()), new Set(keys(60)))
      assert.strictEqual(server.changed.size, 0)
    })
  )

  it.live("--dry-run sends nothing", () =>
    Effect.gen(function* () {
      const server = yield* foreign(30)
      const state = yield* folder
      const ended = yield* run("replay.ts", ["--dry-run", "--json", "--state", state], environment(server))
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.strictEqual(replays(server).length, 0)
      const { letters: read, status, toSend } = JSON.parse(lastLine(ended.stdout))
      assert.deepStrictEqual([status, read, toSend], ["planned", 30, 30])
      assert.include(ended.stdout, "nothing was sent")
      assert.strictEqual(readFileSync(join(state, "audit.jsonl"), "utf8"), "")
      assertNoSecret(ended, server)
    })
  )

  it.live("selects by --reason, --limit and --max-attempts, and sends to --destination", () =>
    Effect.gen(function* () {
      const server = yield* foreign(0, {
        pages: [
          letters(20).map((each, index) =>
            JSON.stringify({ ...each, failureReason: index % 2 === 0 ? "TLS" : "HTTP 500", retryCount: index % 4 })
          )
        ]
      })
      const ended = yield* run(
        "replay.ts",
        "--reason TLS --limit 6 --max-attempts 2 --json --destination https://hooks.example.com/in".split(" "),
        environment(server)
      )
      assert.strictEqual(ended.code, 0, ended.stderr)
      // Of 0, 2, 4, 6, 8, 10 every other one is past its attempts.
      assert.deepStrictEqual(new Set(server.bodies.keys()), new Set([0, 4, 8].map(key)))
      for (const body of server.bodies.values()) {
        assert.include(body, `"destinationOverride":"https://hooks.example.com/in"`)
        assert.include(body, `"maxAllowed":2`)
      }
    })
  )
})

describe("a second run over the same queue", () => {
  it.live("finds everything delivered: skipped, not failed", () =>
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const env = {
        CXONE_CLIENT_ID: "demo",
        CXONE_CLIENT_SECRET: "demo",
        CXONE_INSTANCE_URL: HttpServer.formatAddress(address)
      }
      const args = ["--topic", defaultTopicId, "--json"]
      const first = yield* reportOf(yield* run("replay.ts", args, env))
      assert.deepStrictEqual([first.success, first.failed, first.skipped], [20, 0, 0])
      const ended = yield* run("replay.ts", args, env)
      const second = yield* reportOf(ended)
      assert.deepStrictEqual([second.success, second.failed, second.skipped], [0, 0, 20])
      assert.strictEqual(second.outcomes.duplicate, 20)
      assert.strictEqual(ended.code, 0)
      const { deliveries } = yield* Effect.flatMap(Emulator, (emulator) => emulator.stats)
      assert.deepStrictEqual(new Set(Object.values(deliveries)), new Set([1]))
    }).pipe(
      Effect.provide(
        EmulatorServer.layer.pipe(
          Layer.provideMerge(Emulator.layer({ letters: 20 })),
          Layer.provideMerge(NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port: 0 }))
        )
      )
    )
  )
})
