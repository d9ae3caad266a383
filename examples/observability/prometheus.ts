// A replay that Prometheus can scrape: node examples/observability/prometheus.ts --port 9464
import { NodeHttpServer } from "@effect/platform-node"
import { Console, Effect, Layer, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { HttpRouter, HttpServer } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import * as Listening from "../shared/Listening.ts"
import { main } from "../shared/Program.ts"
import * as ReplayCommand from "../shared/ReplayCommand.ts"

const flags = {
  ...ReplayCommand.flags,
  port: Listening.portFlag(9464),
  host: Flag.String("host").pipe(
    Flag.withDescription("Address to listen on (127.0.0.1); a Prometheus elsewhere needs another"),
    Flag.withDefault("127.0.0.1")
  ),
  linger: Flag.Int("linger").pipe(
    Flag.withDescription("Seconds to go on serving after the run, for the scrape that sees its end (0)"),
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

const prometheus = Command.make("prometheus", flags, ({ host, linger, port, ...input }) =>
  ReplayCommand.replay(input).pipe(
    Effect.exit,
    Effect.tap(linger === 0 ? Effect.void : Console.error(`Serving metrics for ${linger} s more; Ctrl-C ends it.`)),
    Effect.tap(Effect.sleep(`${linger} seconds`)),
    Effect.flatten,
    Effect.provide(metrics(host, port))
  )
).pipe(Command.withDescription("Replays dead letters, and serves their metrics to Prometheus while it runs"))

main(prometheus)
