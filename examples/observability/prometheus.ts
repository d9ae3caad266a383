// A replay that Prometheus can scrape: node examples/observability/prometheus.ts --port 9464
import { NodeHttpServer } from "@effect/platform-node"
import { Console, Deferred, Duration, Effect, Layer, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { HttpRouter, HttpServer } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import * as Listening from "../shared/Listening.ts"
import { main, told } from "../shared/Program.ts"
import * as ReplayCommand from "../shared/ReplayCommand.ts"
import * as StopSignal from "../shared/StopSignal.ts"

const flags = {
  ...ReplayCommand.flags,
  port: Listening.portFlag(9464),
  host: Listening.hostFlag("Address to listen on (127.0.0.1); a Prometheus elsewhere needs another"),
  linger: Flag.Int("linger").pipe(
    Flag.withDescription("Seconds to keep serving after the run, for the last scrape (0)"),
    Flag.withSchema(Schema.Natural),
    Flag.withDefault(0)
  )
}

const announce = HttpServer.addressFormattedWith((url) => Console.error(`Metrics at ${url}/metrics`))

const metrics = (host: string, port: number) =>
  Layer.effectDiscard(announce).pipe(
    Layer.provideMerge(
      HttpRouter.serve(PrometheusMetrics.layerHttp(), { disableLogger: true, disableListenLog: true })
    ),
    Layer.provide(NodeHttpServer.layerServer(createServer, { host, port, gracefulShutdownTimeout: "1 second" })),
    Layer.catchTag("ServeError", (error) => Layer.effectDiscard(Effect.fail(Listening.refused(error, host, port))))
  )

/** Keeps serving after a run; Ctrl-C ends that, and leaves the run's exit code as it is. */
const serveOn = Effect.fnUntraced(function* (seconds: number) {
  const hasEnough = yield* Deferred.make<void>()
  yield* StopSignal.instead(Deferred.succeed(hasEnough, undefined), () => "Metrics are no longer served.")
  yield* Console.error(`Serving metrics for ${seconds} s more; Ctrl-C ends it.`)
  yield* Effect.timeoutOption(Deferred.await(hasEnough), Duration.seconds(seconds))
}, Effect.scoped)

/** The exit code of a program that could not start: there is nothing to scrape. */
const notStarted = 1

const prometheus = Command.make("prometheus", flags, ({ host, linger, port, ...input }) => {
  const lingering = linger === 0 ? Effect.void : serveOn(linger)
  return told(ReplayCommand.replay(input)).pipe(
    Effect.tap(lingering),
    Effect.tapError(({ code }) => (code === notStarted ? Effect.void : lingering)),
    Effect.provide(metrics(host, port))
  )
}).pipe(Command.withDescription("Replays dead letters, and serves their metrics to Prometheus while it runs"))

main(prometheus)
