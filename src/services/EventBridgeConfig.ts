import { Array as Arr, Config, Context, type Duration, Effect, Layer, Option, Redacted, Result } from "effect"
import { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import type { RetryPolicy } from "../domain/RetryPolicy.ts"
import { defaultVocabulary, type Vocabulary } from "../domain/SubscriptionDefinition.ts"
import type { DestinationPolicy } from "./DestinationGuard.ts"
import * as EventBridgeOptions from "./EventBridgeOptions.ts"

type Issue = InvalidConfiguration["issues"][number]

const isHost = (value: string): boolean => /^[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d+)?$/i.test(value)

/** Names of the environment, for messages of `layerConfig`. */
const environmentNames: Readonly<Record<string, string>> = {
  baseUrl: "CXONE_INSTANCE_URL",
  clientId: "CXONE_CLIENT_ID",
  clientSecret: "CXONE_CLIENT_SECRET",
  tokenPath: "CXONE_TOKEN_PATH",
  scopes: "CXONE_SCOPES",
  topicId: "CXONE_TOPIC_ID",
  destination: "DESTINATION_OVERRIDE_URL",
  monitoringUrl: "MONITORING_WEBHOOK_URL",
  monitoringSecret: "MONITORING_WEBHOOK_SECRET",
  registryUrl: "REGISTRY_WEBHOOK_URL",
  registrySecret: "REGISTRY_WEBHOOK_SECRET"
}

/** The configuration of the library, validated. */
export class EventBridgeConfig extends Context.Service<
  EventBridgeConfig,
  {
    /** Without a slash at its end. */
    readonly baseUrl: string
    readonly clientId: string
    readonly clientSecret: Redacted.Redacted
    readonly tokenPath: string
    readonly scopes: ReadonlyArray<string>
    readonly clientName: string
    readonly topicId: string | undefined
    readonly destination: string | undefined
    readonly destinations: DestinationPolicy
    readonly monitoringUrl: string | undefined
    readonly monitoringSecret: Redacted.Redacted | undefined
    readonly registryUrl: string | undefined
    readonly registrySecret: Redacted.Redacted | undefined
    readonly vocabulary: Vocabulary
    readonly timeouts: EventBridgeOptions.Timeouts
    readonly retry: RetryPolicy
    readonly rateLimit: { readonly limit: number; readonly window: Duration.Duration } | undefined
    readonly breaker: { readonly failures: number; readonly maxWait: Duration.Duration }
    readonly tracing: { readonly letterSampling: number | undefined }
  }
>()("effect-cxone-eventbridge/services/EventBridgeConfig") {
  /** Validates the options. Fails with every issue there is. */
  static readonly make = Effect.fnUntraced(function* (
    options: EventBridgeOptions.EventBridgeOptions,
    describe: (issue: Issue) => Issue = (issue) => issue
  ) {
    const checked = EventBridgeOptions.check(options)
    if (Result.isFailure(checked)) {
      // Entries of one list may be wrong in the same way.
      const isSame = (one: Issue, other: Issue) => one.name === other.name && one.issue === other.issue
      return yield* new InvalidConfiguration({ issues: Arr.dedupeWith(checked.failure.issues.map(describe), isSame) })
    }
    const valid = checked.success
    return EventBridgeConfig.of({
      ...valid,
      baseUrl: valid.baseUrl.replace(/\/+$/, ""),
      vocabulary: {
        eventTypes: [...defaultVocabulary.eventTypes, ...(options.vocabulary?.eventTypes ?? [])],
        operators: [...defaultVocabulary.operators, ...(options.vocabulary?.operators ?? [])]
      }
    })
  })

  static readonly layer = (
    options: EventBridgeOptions.EventBridgeOptions
  ): Layer.Layer<EventBridgeConfig, InvalidConfiguration> =>
    Layer.effect(EventBridgeConfig, EventBridgeConfig.make(options))

  /**
   * From the environment: `CXONE_CLIENT_ID`, `CXONE_CLIENT_SECRET`, `CXONE_INSTANCE_URL` or else `CXONE_REGION`,
   * `CXONE_TOKEN_PATH`, `CXONE_SCOPES`, `CXONE_TOPIC_ID`, `MONITORING_WEBHOOK_URL`, `MONITORING_WEBHOOK_SECRET`,
   * `REGISTRY_WEBHOOK_URL`, `REGISTRY_WEBHOOK_SECRET`, `DESTINATION_OVERRIDE_URL`. All are trimmed, secrets too: no
   * valid value begins or ends in whitespace, while files that hold one tend to end in a newline. What is missing or
   * wrong is reported all at once. `options` sets what the environment does not.
   */
  static readonly layerConfig = (
    options?: Omit<Partial<EventBridgeOptions.EventBridgeOptions>, "clientId" | "clientSecret">
  ): Layer.Layer<EventBridgeConfig, InvalidConfiguration | Config.ConfigError> =>
    Layer.effect(
      EventBridgeConfig,
      Effect.gen(function* () {
        const read = (name: string) =>
          Config.option(Config.String(name)).pipe(
            Config.map(Option.map((value) => value.trim())),
            Config.map(Option.filter((value) => value !== "")),
            Config.map(Option.getOrUndefined)
          )
        const readSecret = (name: string) =>
          Config.option(Config.Redacted(name)).pipe(
            Config.map(Option.map((secret) => Redacted.make(Redacted.value(secret).trim()))),
            Config.map(Option.filter((secret) => Redacted.value(secret) !== "")),
            Config.map(Option.getOrUndefined)
          )
        const environment = yield* Config.all({
          clientId: read("CXONE_CLIENT_ID"),
          clientSecret: readSecret("CXONE_CLIENT_SECRET"),
          instanceUrl: read("CXONE_INSTANCE_URL"),
          region: read("CXONE_REGION"),
          tokenPath: read("CXONE_TOKEN_PATH"),
          scopes: read("CXONE_SCOPES"),
          topicId: read("CXONE_TOPIC_ID"),
          monitoringUrl: read("MONITORING_WEBHOOK_URL"),
          monitoringSecret: readSecret("MONITORING_WEBHOOK_SECRET"),
          registryUrl: read("REGISTRY_WEBHOOK_URL"),
          registrySecret: readSecret("REGISTRY_WEBHOOK_SECRET"),
          destination: read("DESTINATION_OVERRIDE_URL")
        })
        const { destination, instanceUrl, region } = environment
        const fromRegion = instanceUrl === undefined && region !== undefined
        // Whoever sets an override in the environment means its host.
        const override = destination === undefined ? null : URL.parse(destination)
        const overrideHost = override?.protocol === "https:" ? override.hostname.replace(/\.$/, "") : undefined
        const found: Readonly<Record<string, unknown>> = { ...environment, baseUrl: region ?? instanceUrl }
        const isOption = (name: string): boolean => found[name] === undefined && Object.hasOwn(options ?? {}, name)
        return yield* EventBridgeConfig.make(
          {
            ...options,
            baseUrl: fromRegion ? (isHost(region) ? `https://${region}` : region) : (instanceUrl ?? options?.baseUrl),
            clientId: environment.clientId ?? "",
            clientSecret: environment.clientSecret ?? Redacted.make(""),
            tokenPath: environment.tokenPath ?? options?.tokenPath,
            scopes: environment.scopes?.split(/\s+/) ?? options?.scopes,
            topicId: environment.topicId ?? options?.topicId,
            monitoringUrl: environment.monitoringUrl ?? options?.monitoringUrl,
            monitoringSecret: environment.monitoringSecret ?? options?.monitoringSecret,
            registryUrl: environment.registryUrl ?? options?.registryUrl,
            registrySecret: environment.registrySecret ?? options?.registrySecret,
            destination: destination ?? options?.destination,
            destinations: {
              ...options?.destinations,
              allowedHosts: [
                ...(options?.destinations?.allowedHosts ?? []),
                ...(overrideHost === undefined ? [] : [overrideHost])
              ]
            }
          },
          ({ issue, name }) =>
            name === "baseUrl" && fromRegion
              ? { name: "CXONE_REGION", issue: "must be a host name such as api.nicecxone.com" }
              : { name: isOption(name) ? name : (environmentNames[name] ?? name), issue }
        )
      })
    )
}
