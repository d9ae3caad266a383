// Which EventBridge a program works on: the one the environment names, else an emulator of its own over real HTTP.
import { NodeHttpServer } from "@effect/platform-node"
import { Config, Effect, Layer, Option, Redacted, References } from "effect"
import { HttpClient, type HttpClientError, HttpClientRequest, HttpServer, type HttpServerError } from "effect/http"
import { createServer } from "node:http"
import { defaultTopicId, Emulator, EmulatorServer, FaultPlan, type InvalidQueue } from "../../src/emulator/index.ts"
import * as RegistryStandIn from "./RegistryStandIn.ts"
import {
  EventBridge,
  EventBridgeConfig,
  type EventBridgeOptions,
  type InvalidConfiguration,
  type Requirements
} from "../../src/index.ts"

export interface ServiceOptions {
  /** The topic to replay; the environment's without it. */
  readonly topicId: Option.Option<string>
  /** Letters in the emulator's queue. */
  readonly letters: Option.Option<number>
  /** What goes wrong on the emulator. */
  readonly faults: Option.Option<string>
  /** Hosts a destination override may point to. */
  readonly allowedHosts: ReadonlyArray<string>
  readonly tracing?: EventBridgeOptions["tracing"]
}

/** A service to work on. */
export interface Service {
  /** What to call it: its URL, which holds no secret. */
  readonly name: string
  /** Letters in the queue of an emulator; nobody knows how many a real one holds. */
  readonly letters: Option.Option<number>
  readonly layer: Layer.Layer<
    EventBridge,
    Config.ConfigError | InvalidConfiguration | FaultPlan.FaultSpecError | InvalidQueue | HttpServerError.ServeError,
    Requirements
  >
}

export const defaultLetters = 500

/** What `--faults` accepts. */
export const faultsUsage = `none, few, all, or a list of outage=AFTER+LENGTH, seed=N and rates of ${FaultPlan.faultKinds.join(", ")}, such as 429=0.05:2s,5xx=0.02,outage=1s+3s,seed=7`

/** Any of these says that a real service is meant, and that what is missing beside it is a mistake. */
const names = ["CXONE_CLIENT_ID", "CXONE_CLIENT_SECRET", "CXONE_INSTANCE_URL", "CXONE_REGION"]

export const isConfigured = Effect.map(
  Effect.forEach(names, (name) => Config.option(Config.String(name))),
  (values) => values.some((value) => Option.exists(value, (text) => text.trim() !== ""))
)

/** A run can be resumed only on the URL it was started with, and each emulator listens on another port: all go by this one. */
const emulatorUrl = "http://localhost"

const toEmulator = (address: string) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      // A client around it: `mapRequest` would run too early, before the library has prefixed its base URL.
      HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
        Effect.flatMap((request) =>
          client.execute(
            request.url.startsWith(`${emulatorUrl}/`)
              ? HttpClientRequest.setUrl(request, address + request.url.slice(emulatorUrl.length))
              : request
          )
        ),
        Effect.succeed
      )
    )
  )

/** The topic that the environment names is the one to replay, also where it names no service. */
const emulatedTopic = Effect.map(Config.option(Config.String("CXONE_TOPIC_ID")), (topicId) =>
  topicId.pipe(
    Option.map((text) => text.trim()),
    Option.filter((text) => text !== ""),
    Option.getOrElse(() => defaultTopicId)
  )
)

const emulated = Effect.fnUntraced(function* (options: ServiceOptions) {
  const { allowedHosts, faults, letters, tracing } = options
  const topicId = Option.isSome(options.topicId) ? options.topicId.value : yield* emulatedTopic
  const plan = yield* Effect.fromResult(FaultPlan.parse(Option.getOrElse(faults, () => "none")))
  const server = EmulatorServer.layer.pipe(
    Layer.provide(Emulator.layer({ topicId, letters: Option.getOrElse(letters, () => defaultLetters), faults: plan })),
    Layer.provideMerge(NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port: 0 })),
    // The emulator plays somebody else's service: its spans do not belong to the program.
    Layer.provide(Layer.succeed(References.TracerEnabled, false))
  )
  const library = HttpServer.addressFormattedWith((address) =>
    Effect.map(RegistryStandIn.listen, (registryUrl) =>
      EventBridge.layer({
        baseUrl: emulatorUrl,
        registryUrl,
        clientId: "demo",
        clientSecret: Redacted.make("demo"),
        topicId,
        destinations: { allowedHosts },
        tracing
      }).pipe(Layer.provide(toEmulator(address)))
    )
  )
  return Layer.provide(Layer.unwrap(library), server)
})

/** The library on the service that is meant. */
export const choose = Effect.fnUntraced(function* (options: ServiceOptions) {
  const emulator: Service = {
    name: "an embedded emulator",
    letters: Option.orElse(options.letters, () => Option.some(defaultLetters)),
    layer: Layer.unwrap(emulated(options))
  }
  if (!(yield* isConfigured)) return emulator
  const settings = { destinations: { allowedHosts: options.allowedHosts }, tracing: options.tracing }
  const { baseUrl } = yield* Effect.provide(EventBridgeConfig, EventBridgeConfig.layerConfig(settings))
  const real: Service = { name: baseUrl, letters: Option.none(), layer: EventBridge.layerConfig(settings) }
  return real
})
