import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { type ForeignServer, replays } from "../workflows/support/ForeignServer.ts"
import { keys } from "../workflows/support/Harness.ts"
import {
  ctrlC,
  eventually,
  folder,
  lastLine,
  root,
  type Running,
  runShell,
  start,
  startOnTerminal
} from "./support/Program.ts"
import { assertNoSecret, assertNoStackTrace, auditOf, environment, foreign, reportOf } from "./support/Replaying.ts"

const size = 60

/** Long enough that letters are in flight whenever the program is stopped, and short enough to wait for. */
const unhurried = foreign(size, { delay: () => 100 })

const isUnderWay = (server: ForeignServer) => server.bodies.size >= 15

/** It stopped before the end, and whatever was sent is recorded: nothing was cut off. */
const assertSettled = Effect.fnUntraced(function* (server: ForeignServer, state: string) {
  const sent = server.bodies.size
  assert.isBelow(sent, size)
  assert.strictEqual((yield* auditOf(state)).length, sent)
  assert.strictEqual(replays(server).length, sent)
})

/** The command that was shown goes on with the run: the rest is sent, each with the same bytes. */
const goesOn = Effect.fnUntraced(function* (command: string, server: ForeignServer) {
  assert.match(command, /^npx node examples\/replay\.ts .*--run-id /)
  const ended = yield* runShell(command, environment(server))
  assert.strictEqual(ended.code, 0, ended.stderr)
  const report = yield* reportOf(ended)
  assert.deepStrictEqual([report.letters, report.success, report.failed, report.skipped], [size, size, 0, 0])
  assert.deepStrictEqual(new Set(server.bodies.keys()), new Set(keys(size)))
  assert.strictEqual(server.changed.size, 0)
})

const args = (state: string) => ["--state", state, "--concurrency", "3", "--json"]

describe("the first Ctrl-C, SIGTERM or SIGHUP", () => {
  it.live.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s: what is in flight arrives, a report, exit code 3",
    (signal) =>
      Effect.gen(function* () {
        const server = yield* unhurried
        const state = join(yield* folder, "with 'quotes' & blanks")
        const running = yield* start("replay.ts", args(state), environment(server))
        yield* eventually(() => isUnderWay(server) || !running.isRunning())
        running.kill(signal)
        const ended = yield* running.ended
        assert.strictEqual(ended.code, 3, ended.stderr)
        assert.include(ended.stderr, "Stopping")
        assert.include(ended.stderr, "Ctrl-C again")
        assert.match(ended.stdout, /^status +halted$/m)
        assert.match(ended.stdout, /^stopped because +it was asked to stop$/m)
        const report = yield* reportOf(ended)
        assert.deepStrictEqual([report.status, report.failed], ["halted", 0])
        assert.strictEqual(report.success, server.bodies.size)
        assertNoStackTrace(ended)
        assertNoSecret(ended, server)
        yield* assertSettled(server, state)
        yield* goesOn(lastLine(ended.stderr).trim(), server)
      })
  )

  it.live("on a terminal: messages replace the progress", () =>
    Effect.gen(function* () {
      const server = yield* unhurried
      const state = yield* folder
      const command = [join(root, "examples/replay.ts"), ...args(state)]
      const terminal = yield* startOnTerminal(process.execPath, command, environment(server))
      yield* eventually(() => isUnderWay(server) || !terminal.isRunning())
      terminal.type(ctrlC)
      assert.strictEqual(yield* terminal.code, 3, terminal.shown())
      const shown = terminal.shown()
      assert.include(shown, "\x1b[2KStopping")
      assert.match(shown, /status +halted/)
      assert.match(shown, /npx node examples\/replay\.ts .*--run-id /)
      yield* assertSettled(server, state)
    })
  )

  it.live("on a terminal: log lines replace the progress, which fits the terminal's width", () =>
    Effect.gen(function* () {
      const server = yield* foreign(size, {
        delay: () => 100,
        answer: ({ attempt, route }) => (route === "list" && attempt === 1 ? { status: 503 } : undefined)
      })
      const command = [join(root, "examples/replay.ts"), "--concurrency", "3"]
      const terminal = yield* startOnTerminal(process.execPath, command, environment(server))
      yield* eventually(() => terminal.shown().includes(" ok  ") || !terminal.isRunning())
      terminal.resize(30)
      assert.strictEqual(yield* terminal.code, 0, terminal.shown())
      const shown = terminal.shown()
      assert.include(shown, "\x1b[2Ktimestamp=")
      const bars = shown.split("\x1b[2K")
      assert.lengthOf(bars.at(-1)?.split(/\r?\n/)[0] ?? "", 29)
    })
  )

  // npm hands on what the terminal has sent already; a shell that gives way to the program, as bash does, lets it arrive.
  it.live("typed once at npm start, which the program receives twice", () =>
    Effect.gen(function* () {
      const server = yield* unhurried
      const env = { ...environment(server), npm_config_script_shell: "bash" }
      const terminal = yield* startOnTerminal("npm", ["start"], env)
      yield* eventually(() => isUnderWay(server) || !terminal.isRunning())
      terminal.type(ctrlC)
      assert.strictEqual(yield* terminal.code, 3, terminal.shown())
      const shown = terminal.shown()
      assert.match(shown, /status +halted/)
      assert.include(shown, "This run kept no state, so it cannot be resumed")
      assert.strictEqual(replays(server).length, server.bodies.size)
    })
  )

  it.live("before the run has begun ends the program with 130", () =>
    Effect.gen(function* () {
      const server = yield* foreign(5, { answer: ({ route }) => (route === "token" ? { status: 503 } : undefined) })
      const running = yield* start("replay.ts", [], environment(server))
      yield* eventually(() => server.arrivals.length > 0 || !running.isRunning())
      running.kill("SIGINT")
      const ended = yield* running.ended
      assert.strictEqual(ended.code, 130, ended.stderr)
      assertNoStackTrace(ended)
    })
  )
})

/** As a person does who has lost patience. */
const insist = (running: Running): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (!running.isRunning()) return Effect.void
    running.kill("SIGINT")
    return Effect.andThen(Effect.sleep("100 millis"), insist(running))
  })

describe("a second Ctrl-C", () => {
  it.live("ends at once, and the run can still be resumed", () =>
    Effect.gen(function* () {
      let isStuck = true
      let stuck = 0
      const server: ForeignServer = yield* foreign(size, {
        delay: () => {
          if (!isStuck || server.bodies.size < 15) return 5
          stuck++
          return 60_000
        }
      })
      const state = yield* folder
      const running = yield* start("replay.ts", args(state), environment(server))
      yield* eventually(() => stuck > 0 || !running.isRunning())
      yield* insist(running)
      const ended = yield* running.ended
      assert.strictEqual(ended.code, 130, ended.stderr)
      assert.include(ended.stderr, "Stopping")
      assert.strictEqual(ended.stdout, "")
      assertNoStackTrace(ended)
      isStuck = false
      yield* goesOn(lastLine(ended.stderr).trim(), server)
    })
  )
})
