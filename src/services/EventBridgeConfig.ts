import {
  Array as Arr,
  Config,
  Context,
  Duration,
  Effect,
  Layer,
  Option,
  Redacted,
  Result,
  Schema,
  SchemaIssue
} from "effect"
import { Url } from "effect/http"
import ipaddr from "ipaddr.js"
import { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import { type RetryPolicy, defaultRetryPolicy } from "../domain/RetryPolicy.ts"
import { defaultVocabulary, type Vocabulary } from "../domain/SubscriptionDefinition.ts"
import type { DestinationPolicy } from "./DestinationGuard.ts"

/** What an application sets. Everything but the credentials has a default. */
export interface EventBridgeOptions {
  /** `https://api.nicecxone.com` by default, or a tenant's own instance. https, except on loopback. */
  readonly baseUrl?: string | undefined
  readonly clientId: string
  readonly clientSecret: Redacted.Redacted
  /** `/oauth2/token` by default; tenant instances use `/api/v2/oauth/token`. */
  readonly tokenPath?: string | undefined
  /** Asked for with the token; by default none are named and the service grants what the client has. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** Sent as `X-Genesys-Client-Name`. Default `effect-cxone-eventbridge`. */
  readonly clientName?: string | undefined
  /** The topic of runs that name none. */
  readonly topicId?: string | undefined
  /** The destination override of runs that name none. */
  readonly destination?: string | undefined
  /** Where overrides may point; by default nowhere. */
  readonly destinations?: Partial<DestinationPolicy> | undefined
  /** Told of each letter that was sent. https, except on loopback. */
  readonly monitoringUrl?: string | undefined
  /** Told of each change of a subscription's state. https, except on loopback. */
  readonly registryUrl?: string | undefined
  /** Event types and operators beyond those this library knows: the service may add some. */
  readonly vocabulary?: Partial<Vocabulary> | undefined
  /** Deadlines of one try: 30 s in general, 15 s for a page, 20 s for a replay. */
  readonly timeouts?: { readonly [Call in keyof Timeouts]?: Duration.Input | undefined } | undefined
  readonly retry?:
    | {
        readonly baseDelay?: Duration.Input | undefined
        readonly maxDelay?: Duration.Input | undefined
        readonly maxRetries?: number | undefined
        readonly maxRetryAfter?: Duration.Input | undefined
      }
    | undefined
  /** So many requests in so much time, over all calls; unlimited by default. */
  readonly rateLimit?: { readonly limit: number; readonly window: Duration.Input } | undefined
  readonly breaker?:
    | {
        /** Failed tries in a row that open the breaker. Default 10, more than one call makes. */
        readonly failures?: number | undefined
        /** How long a call waits for the breaker to close before it gives up. Default 5 min. */
        readonly maxWait?: Duration.Input | undefined
      }
    | undefined
}

export interface Timeouts {
  readonly default: Duration.Duration
  readonly page: Duration.Duration
  readonly replay: Duration.Duration
}

const isSafeUrl = (value: string): boolean => {
  const parsed = Url.fromString(value)
  if (Result.isFailure(parsed)) return false
  const { hash, hostname, password, protocol, username } = parsed.success
  if (username !== "" || password !== "" || hash !== "") return false
  return protocol === "https:" || (protocol === "http:" && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname))
}

const check = <A>(predicate: (value: A) => boolean, message: string) =>
  Schema.makeFilter<A>((value) => (predicate(value) ? undefined : message))

// A message never quotes the value: what is wrong with a secret, or a URL that carries one, is still a secret.
const required = (message: string) =>
  Schema.String.annotate({ message })
    .annotateKey({ messageMissingKey: message })
    .check(check((value) => value.trim() !== "", message))

const SafeUrl = Schema.String.check(
  check(isSafeUrl, "must be an https URL (http on loopback only), without credentials or fragment")
)
const BaseUrl = SafeUrl.check(check((value) => !value.includes("?"), "must be a URL without a query"))

const Cidr = Schema.String.check(check(ipaddr.isValidCIDR, "must be an address range such as 10.1.0.0/16"))
const HostPattern = Schema.String.check(
  check(
    (value) => /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$|^\[[0-9a-f:.]+\]$/i.test(value),
    "must be a host name such as hooks.example.com or *.example.com"
  )
)
const HeaderValue = Schema.String.check(
  check((value) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value), "must be printable ASCII")
)
const Positive = Schema.Number.check(
  check((value) => Number.isInteger(value) && value > 0, "must be a whole number above 0")
)

/** Topic ids stand in paths, where `.` and `..` would be taken for steps and half a surrogate pair cannot be encoded. */
export const TopicId = Schema.String.check(
  check((value) => value.trim() !== "", "must not be empty"),
  check((value) => value !== "." && value !== ".." && value.isWellFormed(), "is not a topic id")
)

const Options = Schema.Struct({
  baseUrl: BaseUrl,
  clientId: required("is missing"),
  clientSecret: required("is missing"),
  tokenPath: Schema.String.check(check((value) => /^\/[^\s?#]*$/.test(value), "must be a path such as /oauth2/token")),
  scopes: Schema.Array(Schema.String),
  clientName: HeaderValue,
  topicId: Schema.UndefinedOr(TopicId),
  destination: Schema.UndefinedOr(Schema.String),
  allowedHosts: Schema.Array(HostPattern),
  allowedCidrs: Schema.Array(Cidr),
  monitoringUrl: Schema.UndefinedOr(SafeUrl),
  registryUrl: Schema.UndefinedOr(SafeUrl),
  maxRetries: Schema.Natural,
  rateLimit: Schema.UndefinedOr(Positive),
  breakerFailures: Positive
})

const decodeOptions = Schema.decodeUnknownResult(Options, { errors: "all" })
const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

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
  registryUrl: "REGISTRY_WEBHOOK_URL"
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
    readonly registryUrl: string | undefined
    readonly vocabulary: Vocabulary
    readonly timeouts: Timeouts
    readonly retry: RetryPolicy
    readonly rateLimit: { readonly limit: number; readonly window: Duration.Duration } | undefined
    readonly breaker: { readonly failures: number; readonly maxWait: Duration.Duration }
  }
>()("effect-cxone-eventbridge/services/EventBridgeConfig") {
  /** Validates the options. Fails with every issue there is. */
  static readonly make = Effect.fnUntraced(function* (
    options: EventBridgeOptions,
    describe: (issue: Issue) => Issue = (issue) => issue
  ) {
    const decoded = decodeOptions({
      baseUrl: options.baseUrl ?? "https://api.nicecxone.com",
      clientId: options.clientId,
      clientSecret: Redacted.value(options.clientSecret),
      tokenPath: options.tokenPath ?? "/oauth2/token",
      scopes: options.scopes ?? [],
      clientName: options.clientName ?? "effect-cxone-eventbridge",
      topicId: options.topicId,
      destination: options.destination,
      allowedHosts: options.destinations?.allowedHosts ?? [],
      allowedCidrs: options.destinations?.allowedCidrs ?? [],
      monitoringUrl: options.monitoringUrl,
      registryUrl: options.registryUrl,
      maxRetries: options.retry?.maxRetries ?? defaultRetryPolicy.maxRetries,
      rateLimit: options.rateLimit?.limit,
      breakerFailures: options.breaker?.failures ?? 10
    })
    if (Result.isFailure(decoded)) {
      const { issues } = formatIssues(decoded.failure.issue)
      const described = issues.map(({ message, path }) => describe({ name: String(path?.[0]), issue: message }))
      // One wrong region may break several rules for URLs, which all come down to the same words.
      const isSame = (one: Issue, other: Issue) => one.name === other.name && one.issue === other.issue
      return yield* new InvalidConfiguration({ issues: Arr.dedupeWith(described, isSame) })
    }
    const valid = decoded.success
    const duration = (input: Duration.Input | undefined, otherwise: Duration.Input) =>
      Duration.fromInputUnsafe(input ?? otherwise)
    return EventBridgeConfig.of({
      baseUrl: valid.baseUrl.replace(/\/+$/, ""),
      clientId: valid.clientId,
      clientSecret: options.clientSecret,
      tokenPath: valid.tokenPath,
      scopes: valid.scopes,
      clientName: valid.clientName,
      topicId: valid.topicId,
      destination: valid.destination,
      destinations: { allowedHosts: valid.allowedHosts, allowedCidrs: valid.allowedCidrs },
      monitoringUrl: valid.monitoringUrl,
      registryUrl: valid.registryUrl,
      vocabulary: {
        eventTypes: [...defaultVocabulary.eventTypes, ...(options.vocabulary?.eventTypes ?? [])],
        operators: [...defaultVocabulary.operators, ...(options.vocabulary?.operators ?? [])]
      },
      timeouts: {
        default: duration(options.timeouts?.default, "30 seconds"),
        page: duration(options.timeouts?.page, "15 seconds"),
        replay: duration(options.timeouts?.replay, "20 seconds")
      },
      retry: {
        baseDelay: duration(options.retry?.baseDelay, defaultRetryPolicy.baseDelay),
        maxDelay: duration(options.retry?.maxDelay, defaultRetryPolicy.maxDelay),
        maxRetries: valid.maxRetries,
        maxRetryAfter: duration(options.retry?.maxRetryAfter, defaultRetryPolicy.maxRetryAfter)
      },
      rateLimit:
        options.rateLimit === undefined
          ? undefined
          : { limit: options.rateLimit.limit, window: duration(options.rateLimit.window, "1 second") },
      breaker: {
        failures: valid.breakerFailures,
        maxWait: duration(options.breaker?.maxWait, "5 minutes")
      }
    })
  })

  static readonly layer = (options: EventBridgeOptions): Layer.Layer<EventBridgeConfig, InvalidConfiguration> =>
    Layer.effect(EventBridgeConfig, EventBridgeConfig.make(options))

  /**
   * From the environment: `CXONE_CLIENT_ID`, `CXONE_CLIENT_SECRET`, `CXONE_INSTANCE_URL` or else `CXONE_REGION`,
   * `CXONE_TOKEN_PATH`, `CXONE_SCOPES`, `CXONE_TOPIC_ID`, `MONITORING_WEBHOOK_URL`, `REGISTRY_WEBHOOK_URL`, `DESTINATION_OVERRIDE_URL`. What is
   * missing or wrong is reported all at once. `options` sets what the environment does not.
   */
  static readonly layerConfig = (
    options?: Omit<Partial<EventBridgeOptions>, "clientId" | "clientSecret">
  ): Layer.Layer<EventBridgeConfig, InvalidConfiguration | Config.ConfigError> =>
    Layer.effect(
      EventBridgeConfig,
      Effect.gen(function* () {
        const read = (name: string) =>
          Config.option(Config.String(name)).pipe(
            Config.map(Option.filter((value) => value.trim() !== "")),
            Config.map(Option.getOrUndefined)
          )
        const environment = yield* Config.all({
          clientId: read("CXONE_CLIENT_ID"),
          clientSecret: Config.option(Config.Redacted("CXONE_CLIENT_SECRET")),
          instanceUrl: read("CXONE_INSTANCE_URL"),
          region: read("CXONE_REGION"),
          tokenPath: read("CXONE_TOKEN_PATH"),
          scopes: read("CXONE_SCOPES"),
          topicId: read("CXONE_TOPIC_ID"),
          monitoringUrl: read("MONITORING_WEBHOOK_URL"),
          registryUrl: read("REGISTRY_WEBHOOK_URL"),
          destination: read("DESTINATION_OVERRIDE_URL")
        })
        const { destination, instanceUrl, region } = environment
        const fromRegion = instanceUrl === undefined && region !== undefined
        // Whoever sets an override in the environment means its host.
        const overrideHost = destination === undefined ? undefined : URL.parse(destination)?.hostname
        return yield* EventBridgeConfig.make(
          {
            ...options,
            baseUrl: fromRegion ? (isHost(region) ? `https://${region}` : region) : (instanceUrl ?? options?.baseUrl),
            clientId: environment.clientId ?? "",
            clientSecret: Option.getOrElse(environment.clientSecret, () => Redacted.make("")),
            tokenPath: environment.tokenPath ?? options?.tokenPath,
            scopes: environment.scopes?.trim().split(/\s+/) ?? options?.scopes,
            topicId: environment.topicId ?? options?.topicId,
            monitoringUrl: environment.monitoringUrl ?? options?.monitoringUrl,
            registryUrl: environment.registryUrl ?? options?.registryUrl,
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
              : { name: environmentNames[name] ?? name, issue }
        )
      })
    )
}
