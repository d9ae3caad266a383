// A replay whose traces, metrics and logs go to an OpenTelemetry collector: node examples/observability/otlp.ts
import { Effect, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { main } from "../shared/Program.ts"
import * as ReplayCommand from "../shared/ReplayCommand.ts"
import * as Telemetry from "../shared/Telemetry.ts"

const flags = {
  ...ReplayCommand.flags,
  letterSampling: Flag.Finite("letter-sampling").pipe(
    Flag.withDescription("Share of the letters to trace, 0 to 1 (all of the first 1,000, then one in 100)"),
    Flag.withSchema(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))),
    Flag.optional
  )
}

const otlp = Command.make("otlp", flags, ({ letterSampling, ...input }) =>
  ReplayCommand.replay(input, { letterSampling: Option.getOrUndefined(letterSampling) }).pipe(
    // Around everything, so that the last span and the last count are in when it is flushed.
    Effect.provide(Telemetry.layer)
  )
).pipe(
  Command.withDescription(
    `Replays dead letters, and sends traces, metrics and logs to OTEL_EXPORTER_OTLP_ENDPOINT (${Telemetry.usualEndpoint})`
  )
)

main(otlp)
