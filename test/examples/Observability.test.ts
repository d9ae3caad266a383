import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { Emulator, EmulatorServer, Fault } from "../../src/emulator/index.ts"
import { letter, listRoute, putRoute, sum, tokenRoute, topicId } from "../workflows/support/Harness.ts"
import * as Collector from "./support/Collector.ts"
import { type Ended, eventually, folder, lastLine, run, start, withoutSecrets } from "./support/Program.ts"
import { assertNoStackTrace, environment as foreignEnvironment, foreign, reportOf } from "./support/Replaying.ts"

const clientSecret = "canary-of-the-client"

/** Some letters are refused, some put off for too long, some have nothing to send or were sent before. */
const fates: ReadonlyArray<readonly [every: number, Fault | undefined]> = [
  [11, Fault.Answer({ status: 400, body: `{"message":"no such conversation"}` })],
  [13, Fault.Answer({ status: 503, headers: { "retry-after": "600" } })],
  [17, Fault.Answer({ status: 409, body: "{}" })]
]
const queue = Array.from({ length: 150 }, (_, index) => letter(index, index % 19 === 0 ? { payload: null } : {}))

/** A service that fails in every way it can, over real HTTP. */
const service = EmulatorServer.layer.pipe(
  Layer.provideMerge(
    Emulator.layer({
      topicId,
      clientSecret,
      queue,
      pages: "ragged",
      script: ({ key, route }) => {
        const index = Number(/^replay-evt_(\d+)-/.exec(key)?.[1] ?? 1)
        return route === "replay" ? fates.find(([every]) => index % every === every - 1)?.[1] : undefined
      },
      faults: {
        seed: 5,
        rates: {
          "429": { rate: 0.03, duration: Duration.millis(500) },
          "5xx": { rate: 0.04 },
          "reset-before": { rate: 0.02 },
          "reset-after": { rate: 0.02 },
          truncated: { rate: 0.02 },
          malformed: { rate: 0.01 },
          revoke: { rate: 0.01 }
        }
      }
    })
  ),
  Layer.provideMerge(NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port: 0 }))
)

const environment = Effect.map(HttpServer.HttpServer, ({ address }) => ({
  CXONE_CLIENT_ID: "demo",
  CXONE_CLIENT_SECRET: clientSecret,
  CXONE_INSTANCE_URL: HttpServer.formatAddress(address),
  CXONE_TOPIC_ID: topicId
}))

/** What is counted, by the values of one attribute, for those series that the others hold for. */
const by = (
  series: ReadonlyArray<Collector.Series>,
  name: string,
  attribute: string,
  where: Readonly<Record<string, string>> = {}
): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const one of series) {
    const holds = Object.entries(where).every(([key, value]) => one.attributes[key] === value)
    if (one.name !== `cxone_eventbridge_${name}` || !holds) continue
    const value = one.attributes[attribute] ?? ""
    counts[value] = (counts[value] ?? 0) + one.value
  }
  return counts
}

const without = (counts: Readonly<Record<string, number>>, ...names: ReadonlyArray<string>) =>
  Object.fromEntries(Object.entries(counts).filter(([name, count]) => count > 0 && !names.includes(name)))

const routes = { Token: tokenRoute, ListDeadLetters: listRoute, ReplayEvent: putRoute }

/** The numbers are those of the report, and those that the service counted itself. */
const addUp = Effect.fnUntraced(function* (ended: Pick<Ended, "stdout">, series: ReadonlyArray<Collector.Series>) {
  const report = yield* reportOf({ code: 0, signal: null, stderr: "", ...ended })
  assert.strictEqual(report.letters, queue.length)
  assert.isTrue(
    Object.values(report.outcomes).every((count) => count > 0),
    JSON.stringify(report.outcomes)
  )

  assert.deepStrictEqual(by(series, "letters_total", "outcome"), { ...report.outcomes })
  const classified = by(series, "letters_total", "classification")
  assert.deepStrictEqual(without(classified, "none", "PAYLOAD_MISSING"), { ...report.byClassification })
  assert.strictEqual(classified["none"], report.success)
  assert.deepStrictEqual(by(series, "letters_in_flight", ""), { "": 0 })

  const { requests } = yield* (yield* Emulator).stats
  const tries = by(series, "requests_total", "operation")
  assert.deepStrictEqual(tries, by(series, "request_duration_seconds_count", "operation"))
  for (const [operation, route] of Object.entries(routes)) {
    const statuses = by(series, "requests_total", "status", { operation })
    const answered = requests[route] ?? {}
    assert.strictEqual(sum(statuses), sum(answered), operation)
    // Of an answer that was cut off the one side has a status, and the other none.
    assert.deepStrictEqual(without(statuses, "200", "none"), without(answered, "200", "reset"), operation)
  }
  // Every letter that was sent was sent a first time once.
  const sent = report.letters - report.outcomes.skipped
  assert.strictEqual((tries["ReplayEvent"] ?? 0) - (by(series, "retries_total", "operation")["ReplayEvent"] ?? 0), sent)
  assert.isAbove(by(series, "retries_total", "operation")["ReplayEvent"] ?? 0, 5)
  assert.deepStrictEqual(without(by(series, "breaker_state", "state")), { closed: 1 })
  return report
})

/** The series of a page in the text format of Prometheus; of histograms their counts and sums. */
const scraped = (text: string): ReadonlyArray<Collector.Series> =>
  text.split("\n").flatMap((line) => {
    const [, name = "", labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (name === "" || name.endsWith("_bucket")) return []
    const attributes = Object.fromEntries(
      Array.from(labels.matchAll(/(\w+)="([^"]*)"/g), ([, key, held]) => [key, held])
    )
    return [{ name, attributes, value: Number(value) }]
  })

const urlIn = (text: string): string => /http:\S+\/metrics/.exec(text)?.[0] ?? ""

describe.concurrent("node examples/observability/prometheus.ts", () => {
  it.live("serves metrics that add up to the report", () =>
    Effect.gen(function* () {
      const program = yield* start(
        "observability/prometheus.ts",
        ["--port", "0", "--linger", "600", "--json", "--state", yield* folder],
        yield* environment
      )
      yield* eventually(() => program.stderr().includes("Ctrl-C ends it") || !program.isRunning())
      const response = yield* Effect.promise(() => fetch(urlIn(program.stderr())))
      assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
      const text = yield* Effect.promise(() => response.text())
      const series = scraped(withoutSecrets("the scrape", text))
      const report = yield* addUp({ stdout: program.stdout() }, series)
      assert.deepStrictEqual(by(series, "audit_group_records_sum", ""), { "": report.letters })
      const names = new Set(Array.from(text.matchAll(/^# TYPE (\w+) /gm), ([, name]) => name))
      for (const name of names) assert.match(text, new RegExp(`^# HELP ${name} \\S`, "m"))
      assert.notInclude(text, "evt_")
      program.kill("SIGINT")
      const ended = yield* program.ended
      assert.strictEqual(ended.code, 2)
      assertNoStackTrace(ended)
    }).pipe(Effect.scoped, Effect.provide(Layer.fresh(service)))
  )

  it.live("after one Ctrl-C has stopped the run it keeps serving until another, with the run's exit code", () =>
    Effect.gen(function* () {
      const server = yield* foreign(60, { delay: () => 100 })
      const program = yield* start(
        "observability/prometheus.ts",
        ["--port", "0", "--linger", "600", "--concurrency", "3"],
        foreignEnvironment(server)
      )
      yield* eventually(() => server.bodies.size >= 10 || !program.isRunning())
      program.kill("SIGINT")
      yield* eventually(() => program.stderr().includes("Ctrl-C ends it") || !program.isRunning())
      assert.match(program.stderr(), /Halted;[^]*Serving metrics/)
      // Any sooner it might be the first one, handed on by npm.
      yield* Effect.sleep("1 second")
      assert.isTrue(program.isRunning())
      program.kill("SIGINT")
      const ended = yield* program.ended
      assert.strictEqual(ended.code, 3, ended.stderr)
    }).pipe(Effect.scoped)
  )

  it.live("does not linger if no run has started, and says why", () =>
    Effect.gen(function* () {
      const args = ["--port", "0", "--linger", "600", "--concurrency", "0"]
      const ended = yield* run("observability/prometheus.ts", args)
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, "concurrency")
      assert.notInclude(ended.stderr, "Ctrl-C ends it")
    })
  )

  it.live("ends with the exit code of its run after the time for the last scrape", () =>
    Effect.gen(function* () {
      const ended = yield* run("observability/prometheus.ts", ["--port", "0", "--linger", "1"], yield* environment)
      assert.strictEqual(ended.code, 2, ended.stderr)
      assert.include(ended.stderr, "for 1 s more")
    }).pipe(Effect.provide(Layer.fresh(service)))
  )

  it.live("says when the port is taken", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.map(
        HttpServer.HttpServer,
        ({ address }) => new URL(HttpServer.formatAddress(address))
      )
      const ended = yield* run("observability/prometheus.ts", ["--port", port], yield* environment)
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, "the port is in use")
      assertNoStackTrace(ended)
      assert.deepStrictEqual((yield* (yield* Emulator).stats).requests, {})
    }).pipe(Effect.provide(Layer.fresh(service)))
  )
})

describe.concurrent("node examples/observability/otlp.ts", () => {
  it.live("sends metrics, spans and logs that add up to the report", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.start()
      const ended = yield* run("observability/otlp.ts", ["--json"], {
        ...(yield* environment),
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json"
      })
      assert.strictEqual(ended.code, 2, ended.stderr)
      assert.notInclude(ended.stderr, "Telemetry is lost")
      const series = yield* Collector.metricsOf(collector)
      const report = yield* addUp(ended, series)
      // A gauge of unit 1 would be a ratio to Prometheus behind a collector, and have another name.
      const units = Object.entries(yield* Collector.unitsOf(collector))
      assert.isNotEmpty(units)
      for (const [name, unit] of units) assert.match(unit, name.endsWith("_seconds") ? /^s$/ : /^\{\w+\}$/, name)

      const spans = yield* Collector.spansOf(collector)
      const named = (name: string) => spans.filter((span) => span.name === name)
      const letters = named("Replay.letter")
      const outcomes: Record<string, number> = {}
      for (const { attributes, isError } of letters) {
        const outcome = attributes["cxone.letter.outcome"] ?? "none"
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        // What failed is an error to whoever looks for errors.
        assert.strictEqual(isError, outcome === "rejected" || outcome === "exhausted")
      }
      assert.deepStrictEqual(outcomes, { ...report.outcomes })
      assert.strictEqual(new Set(letters.map(({ attributes }) => attributes["cxone.event.id"])).size, queue.length)
      assert.lengthOf(named("Replay.run"), 1)

      const puts = named("PUT ReplayEvent")
      const parents = new Set<string | undefined>(letters.map(({ spanId }) => spanId))
      assert.strictEqual(puts.length, by(series, "requests_total", "operation")["ReplayEvent"])
      assert.isTrue(puts.every(({ parentSpanId }) => parents.has(parentSpanId)))
      const resends = puts.filter(({ attributes }) => attributes["http.request.resend_count"] !== undefined)
      assert.strictEqual(resends.length, by(series, "retries_total", "operation")["ReplayEvent"])
      assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 1)

      const lines = yield* Collector.logsOf(collector)
      const said = ended.stderr.split("\n").filter((line) => line.startsWith("timestamp="))
      assert.lengthOf(lines, said.length)
      for (const line of lines) assert.include(ended.stderr, line)

      assert.deepStrictEqual(new Set(yield* Collector.servicesOf(collector)), new Set(["cxone-eventbridge-replay"]))
      const all = collector.exports.map(({ body }) => new TextDecoder().decode(body)).join("\n")
      assert.notInclude(all, clientSecret)
      assert.notMatch(all, /emulator-\d+-[0-9a-f]{8}/)
    }).pipe(Effect.scoped, Effect.provide(Layer.fresh(service)))
  )

  it.live("sends Protocol Buffers by default, under the name it is given", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.start()
      const ended = yield* run("observability/otlp.ts", ["--letters", "40", "--json", "--letter-sampling", "0"], {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_SERVICE_NAME: "a-name-of-its-own"
      })
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.isTrue(collector.exports.every(({ contentType }) => contentType === "application/x-protobuf"))
      assert.strictEqual(Collector.protobufCounter(collector, "cxone_eventbridge_letters_total"), 40)
      const traces = collector.exports
        .filter(({ path }) => path === "/v1/traces")
        .map(({ body }) => new TextDecoder().decode(body))
        .join("")
      assert.include(traces, "a-name-of-its-own")
      assert.include(traces, "Replay.run")
      assert.notInclude(traces, "Replay.letter")
    }).pipe(Effect.scoped)
  )

  it.live.each([
    ["refuses", Effect.succeed(HttpServerResponse.empty({ status: 401 })), "it answers 401"],
    ["never answers", Effect.never, "it does not answer"]
  ] as const)("goes on with the replay when the collector %s", ([, answer, why]) =>
    Effect.gen(function* () {
      const collector = yield* Collector.start(answer)
      const ended = yield* run("observability/otlp.ts", ["--letters", "20", "--json"], {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url
      })
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.strictEqual((yield* reportOf(ended)).success, 20)
      assert.lengthOf(ended.stderr.match(/Telemetry is lost/g) ?? [], 1)
      assert.include(ended.stderr, `the collector at ${collector.url} does not accept it (${why})`)
      assertNoStackTrace(ended)
    }).pipe(Effect.scoped)
  )

  it.live("leaves out what the emulator beside it does", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.start()
      const ended = yield* run("observability/otlp.ts", ["--letters", "20"], {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json"
      })
      assert.strictEqual(ended.code, 0, ended.stderr)
      const spans = yield* Collector.spansOf(collector)
      assert.lengthOf(
        spans.filter(({ name }) => name === "Replay.letter"),
        20
      )
      assert.deepStrictEqual(
        spans.filter(({ isServer }) => isServer),
        []
      )
    }).pipe(Effect.scoped)
  )

  it.live("continues the replay when there is no collector", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(Collector.start())
      const ended = yield* run("observability/otlp.ts", ["--letters", "20", "--json"], {
        OTEL_EXPORTER_OTLP_ENDPOINT: url
      })
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.strictEqual(lastLine(ended.stdout).includes(`"success":20`), true)
      assert.lengthOf(ended.stderr.match(/Telemetry is lost/g) ?? [], 1)
      assert.include(ended.stderr, "(ECONNREFUSED)")
      assertNoStackTrace(ended)
    })
  )

  it.live("names the collector that does not accept it, without any token in its URL", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(Collector.start())
      const { host } = new URL(url)
      const ended = yield* run("observability/otlp.ts", ["--letters", "1"], {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://${host}/canary-path?key=canary-key`
      })
      assert.strictEqual(ended.code, 0, ended.stderr)
      assert.include(ended.stderr, `the collector at ${url} does not accept it (ECONNREFUSED)`)
      assert.notInclude(ended.stderr, "canary")
    })
  )

  it.live.each([
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "canary-user:canary-password@127.0.0.1:4318"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://canary-user:canary-password@127.0.0.1:4318"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "soon"]
  ] as const)("says that a value of %s cannot be used", ([name, value]) =>
    Effect.gen(function* () {
      const ended = yield* run("observability/otlp.ts", [], { [name]: value })
      assert.strictEqual(ended.code, 1)
      assert.match(ended.stderr, /^An OTEL_\* variable cannot be used: .*\n$/)
      assert.include(ended.stderr, name)
    })
  )
})
