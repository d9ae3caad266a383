// Traces, metrics and logs for an OpenTelemetry collector, set up by the OTEL_* variables that every exporter knows.
import { NodeHttpClient } from "@effect/platform-node"
import { Cause, Config, ConfigProvider, Effect, Layer, Schema } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest } from "effect/http"
import { Otlp, OtlpExporter, OtlpSerialization } from "effect/observability"
import { clientVersion } from "../../src/index.ts"
import * as Output from "./Output.ts"
import * as SystemProblem from "./SystemProblem.ts"

export const usualEndpoint = "http://localhost:4318"

/** OpenTelemetry's defaults, and the name of this program. */
const defaults = ConfigProvider.fromUnknown({
  OTEL_EXPORTER_OTLP_ENDPOINT: usualEndpoint,
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_LOGS_EXPORTER: "otlp",
  // How long each exporter may take to close, in milliseconds; all of them were flushed before.
  OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
  OTEL_SERVICE_NAME: "cxone-eventbridge-replay",
  OTEL_SERVICE_VERSION: clientVersion
})

class OtelUnusable extends Schema.TaggedError<OtelUnusable>()("OtelUnusable", { problem: Schema.String }) {
  override get message(): string {
    return `An OTEL_* variable cannot be used: ${this.problem}`
  }
}

/** Without the error's message, which quotes the URL and with it any credentials. */
const whyNot = (error: HttpClientError.HttpClientError): string =>
  error.response === undefined
    ? (SystemProblem.codeOf(error.reason) ?? "it cannot be reached")
    : `it answers ${error.response.status}`

const unanswered = "it does not answer"

/** One warning is enough; the exporters themselves say nothing, and one per try would bury the rest. */
const warnOnce = () => {
  let isSaid = false
  return ({ url }: HttpClientRequest.HttpClientRequest, why: string) =>
    Effect.suspend(() => {
      if (isSaid) return Effect.void
      isSaid = true
      // The rest of the URL may hold a token.
      const where = URL.parse(url)?.origin ?? "its URL"
      return Output.say(
        `Telemetry is lost: the collector at ${where} does not accept it (${why}). The replay continues without it.\n` +
          "Start a collector there, or set OTEL_EXPORTER_OTLP_ENDPOINT; OTEL_SDK_DISABLED=true sends none."
      )
    })
}

/** The exporters' client. */
const client = Layer.suspend(() => {
  const warn = warnOnce()
  return Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.transform((response, request) =>
        response.pipe(
          Effect.timeoutOrElse({
            duration: "10 seconds",
            orElse: () => {
              const reason = new HttpClientError.TransportError({ request, cause: { code: unanswered } })
              return Effect.fail(new HttpClientError.HttpClientError({ reason }))
            }
          }),
          Effect.tap(({ status }) => (status < 400 ? Effect.void : warn(request, `it answers ${status}`))),
          Effect.tapError((error) => warn(request, whyNot(error))),
          // The program does not wait for ever when it ends.
          Effect.onInterrupt(() => warn(request, unanswered))
        )
      )
    )
  ).pipe(Layer.provide(NodeHttpClient.layerUndici))
})

const Endpoint = Schema.URLFromString.check(
  Schema.makeFilter(({ password, protocol, username }) => {
    if (!/^https?:$/.test(protocol)) return "Expected an http or https URL"
    // Requests would go out without them, and the collector would refuse them.
    return username + password === "" || "Expected a URL without credentials: OTEL_EXPORTER_OTLP_HEADERS is for those"
  })
)

/** All exporters at once, before they close one after the other. */
const flushAtEnd = Layer.effectDiscard(
  Effect.flatMap(OtlpExporter.Flusher, ({ flush }) =>
    Effect.addFinalizer(() => flush.pipe(Effect.interruptible, Effect.timeoutOption("5 seconds")))
  )
)

/** Sends what there is until the scope closes, then what is left, in a few seconds at most. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    yield* Config.schema(Endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT")
    const protocol = yield* Config.Literals(["http/protobuf", "http/json"], "OTEL_EXPORTER_OTLP_PROTOCOL")
    return flushAtEnd.pipe(
      Layer.provideMerge(Otlp.layerFromConfig()),
      Layer.provide(protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf),
      Layer.provide(client)
    )
  })
).pipe(
  Layer.catchCause((cause) => {
    const error = Cause.squash(cause)
    const problem = error instanceof Config.ConfigError ? error.cause.message : String(error)
    return Layer.effectDiscard(Effect.fail(new OtelUnusable({ problem: problem.replaceAll(/\s+/g, " ") })))
  }),
  Layer.provide(ConfigProvider.layerAdd(defaults))
)
