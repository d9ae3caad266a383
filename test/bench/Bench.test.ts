import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Layer } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { readdirSync } from "node:fs"
import { BenchServer } from "../../bench/BenchServer.ts"
import * as ReplayMeasurement from "../../bench/measurements/ReplayMeasurement.ts"
import * as ReplaySubject from "../../bench/ReplaySubject.ts"
import { Fault } from "../../bench/ServerProtocol.ts"
import { eventually, folder, run, start } from "../examples/support/Program.ts"

const onServer = (fault: Fault | null) => Layer.provideMerge(BenchServer.layer(fault), NodeServices.layer)

const letters = 60

const send = (subject: string) =>
  ReplaySubject.run(subject, {
    subject: `${subject}.ts`,
    concurrency: 4,
    latencyMillis: 1,
    letters,
    warmUp: 10,
    isAudited: false,
    atMost: "1 minute"
  })

/** Each sample is told as it is taken; nobody listens. */
const quiet: Console.Console = Object.assign(Object.create(console), { error: () => {} })

const mean = (samples: ReadonlyArray<number>) => samples.reduce((sum, sample) => sum + sample, 0) / samples.length

describe("a measurement", () => {
  it.live("runs every alternative in every round, and its figures add up", () =>
    Effect.gen(function* () {
      const load = { concurrency: 4, latencyMillis: 0, letters, warmUp: 10 }
      const outcome = yield* ReplayMeasurement.measureLoads({ rounds: 2, share: 1 }, [load])

      const rateOf = (client: string) => {
        const row = outcome.rows.find(({ name }) => name.startsWith(`${client},`))
        const rate = row?.figures["letters/s"]
        if (rate === undefined) return assert.fail(`${client} is missing`)
        assert.strictEqual(rate.samples.length, 2)
        assert.isTrue(rate.samples.every((sample) => sample > 0))
        assert.strictEqual(rate.median, mean(rate.samples))
        return rate.samples
      }
      const own = rateOf("Replay.run")
      for (const client of ["undici", "fetch"]) {
        const other = rateOf(client)
        const compared = outcome.comparisons.find(({ what }) => what.startsWith(`letters/s, Replay.run / ${client},`))
        const ratios = own.map((sample, round) => sample / (other[round] ?? 0))
        assert.deepStrictEqual(compared?.summary.samples, ratios)
        assert.strictEqual(compared?.summary.median, mean(ratios))
      }
    }).pipe(Effect.provide(onServer(null)), Effect.provideService(Console.Console, quiet))
  )

  const withoutPython = Effect.updateService(ChildProcessSpawner.ChildProcessSpawner, (spawner) => ({
    ...spawner,
    string: () => Effect.succeed("")
  }))

  it.live("does without the Python script if there is no Python, and says so", () =>
    Effect.gen(function* () {
      const load = { concurrency: 1, latencyMillis: 0, letters: 10, warmUp: 10 }
      const { notes, rows } = yield* ReplayMeasurement.measureLoads({ rounds: 1, share: 1 }, [load])
      assert.deepStrictEqual(
        rows.map(({ name }) => name.slice(0, name.indexOf(","))),
        ["Replay.run", "undici", "fetch", "sequential in Node"]
      )
      assert.include(notes, "sequential in Python was not measured: there is no python3 with requests.")
    }).pipe(withoutPython, Effect.provide(onServer(null)), Effect.provideService(Console.Console, quiet))
  )
})

describe("the bench fails", () => {
  const expected: Readonly<Record<Fault, RegExp>> = {
    lose: /of 60 letters of "measured", 1 never came and 0 came more than once: replay-evt_.*3b-v/,
    double: /of 60 letters of "measured", 0 never came and 1 came more than once: replay-evt_.*3b-v/,
    fail: /errors that the server answered: 1\n.*400 Bad Request/
  }
  for (const fault of Fault.literals) {
    it.live(`when the server is told to ${fault}, and says where`, () =>
      Effect.gen(function* () {
        const { message } = yield* Effect.flip(send("sockets"))
        assert.match(message, /^The bench failed in sockets:\n/)
        assert.match(message, expected[fault])
      }).pipe(Effect.provide(onServer(fault)))
    )
  }

  it.live("when a client sends other bytes than it should", () =>
    Effect.gen(function* () {
      const { port, watch } = yield* BenchServer
      const put = Effect.promise(() =>
        fetch(`http://127.0.0.1:${port}/api/v2/eventbridge/topics/measured/events`, {
          method: "PUT",
          headers: {
            authorization: "Bearer bench-token",
            "idempotency-key": "replay-evt_8f3a2b1c-9d4e-4f6a-8b7c-000000000000-v1"
          },
          body: "{}"
        })
      )
      const { message } = yield* Effect.flip(watch("a client", { topics: { measured: 1 }, latencyMillis: 0 }, put))
      assert.match(message, /the body of replay-evt_\S+ is not what it should be: {}/)
      assert.match(message, /of 1 letters of "measured", 1 never came/)
    }).pipe(Effect.provide(onServer(null)))
  )
})

describe("the program", () => {
  it.live("ends with one document of JSON", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run("../bench/main.ts", ["--only", "token", "--quick", "--json"])
      assert.strictEqual(code, 0)
      const { machine, measurements } = JSON.parse(stdout)
      assert.strictEqual(machine.node, process.version)
      assert.match(machine.commit, /^[0-9a-f]{40}( with changes)?$|^unknown$/)
      assert.deepStrictEqual(
        measurements.map(({ name }: { readonly name: string }) => name),
        ["token"]
      )
      const [{ comparisons }] = measurements
      assert.deepInclude(comparisons[0], { what: "requests, cold", isMet: true })
    })
  )

  it.live("ends with code 1 and the reason when a letter was lost", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* run("../bench/main.ts", ["--only", "memory", "--quick", "--fault", "lose"])
      assert.strictEqual(code, 1)
      assert.match(stderr, /The bench failed in memory: 200 letters:\n.*1 never came/)
    })
  )

  it.live("leaves nothing behind when it is interrupted", () =>
    Effect.gen(function* () {
      const temporary = yield* folder
      const bench = yield* start("../bench/main.ts", ["--only", "memory"], { TMPDIR: temporary })
      yield* eventually(() => readdirSync(temporary, { recursive: true }).some((name) => /measured/.test(String(name))))
      bench.kill("SIGINT")
      const { code } = yield* bench.ended
      assert.strictEqual(code, 130)
      assert.deepStrictEqual(readdirSync(temporary), [])
    })
  )
})
