import { type Duration, Option, Redacted, Result, Schema } from "effect"
import { Url } from "effect/http"
import ipaddr from "ipaddr.js"
import type { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import { checker, durationOf, Patience, Pause, Positive, rule, Share, Span } from "../domain/OptionRules.ts"
import { PathSegment } from "../domain/PathSegment.ts"
import { defaultRetryPolicy } from "../domain/RetryPolicy.ts"
import type { Vocabulary } from "../domain/SubscriptionDefinition.ts"
import { keyOf } from "../domain/WebhookSecret.ts"
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
  readonly destinations?:
    | { readonly [List in keyof DestinationPolicy]?: DestinationPolicy[List] | undefined }
    | undefined
  /** Notified of each letter that was sent. https, except on loopback. */
  readonly monitoringUrl?: string | undefined
  /** Signs what the monitoring webhook is sent: `whsec_` and the base64 of 24 to 64 bytes. Unsigned by default. */
  readonly monitoringSecret?: Redacted.Redacted | undefined
  /** Notified of each change of a subscription's state. https, except on loopback. */
  readonly registryUrl?: string | undefined
  /** Signs what the registry is sent, like `monitoringSecret`. A separate one: whoever holds it can impersonate us. */
  readonly registrySecret?: Redacted.Redacted | undefined
  /** Event types and operators beyond those this library knows: the service may add some. */
  readonly vocabulary?: { readonly [List in keyof Vocabulary]?: Vocabulary[List] | undefined } | undefined
  /** Deadlines of one try: 30 s in general, 15 s for a page, 20 s for a replay. */
  readonly timeouts?: { readonly [Call in keyof Timeouts]?: Duration.Input | undefined } | undefined
  readonly retry?:
    | {
        /** The first pause; each further one is twice as long. Default 200 ms. */
        readonly baseDelay?: Duration.Input | undefined
        /** The longest pause of our own choosing, before jitter. Default 10 s. */
        readonly maxDelay?: Duration.Input | undefined
        /** Tries after the first. Default 6: some 13 s of pauses. */
        readonly maxRetries?: number | undefined
        /** The longest `Retry-After` that is waited for; one that asks for more ends the call. Default 2 min. */
        readonly maxRetryAfter?: Duration.Input | undefined
      }
    | undefined
  /** At most `limit` requests per `window`, over all calls; unlimited by default. */
  readonly rateLimit?: { readonly limit: number; readonly window: Duration.Input } | undefined
  readonly breaker?:
    | {
        /** Failed tries in a row that open the breaker. Default 10, more tries than one call makes. */
        readonly failures?: number | undefined
        /** How long a call waits for the breaker to close, or for its turn under a rate limit, before it gives up. Default 5 min. */
        readonly maxWait?: Duration.Input | undefined
      }
    | undefined
  readonly tracing?:
    | {
        /**
         * The share of a run's letters that is traced, 0 to 1. By default all of the first 1,000, then one in 100: a
         * small run is seen whole, and one of a million letters does not bury the collector. A letter left out still
         * sends its `traceparent`, marked as not sampled.
         */
        readonly letterSampling?: number | undefined
      }
    | undefined
}

/** How long one try may take: of a page, of a replay, of any other call. */
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

// Paths are appended to it as it stands: a "#" or a space at its end, which a parser would drop, would come in between.
const isBaseUrl = (value: string): boolean => isSafeUrl(value) && !/^[\s\p{Cc}]|[\s\p{Cc}]$|[?#]/u.test(value)

const required = (message: string) =>
  Schema.String.annotate({ message })
    .annotateKey({ messageMissingKey: message })
    .check(rule((value) => value.trim() !== "", message))

const SafeUrl = Schema.String.check(
  rule(isSafeUrl, "must be an https URL (http on loopback only), without credentials or fragment")
)
const BaseUrl = Schema.String.check(
  rule(
    isBaseUrl,
    "must be an https URL (http on loopback only), without credentials, query or fragment, and without spaces around it"
  )
)
const HttpsUrl = Schema.String.check(rule((value) => URL.parse(value)?.protocol === "https:", "must be an https URL"))

const secret = (isRight: (value: string) => boolean, message: string) =>
  Schema.Redacted(Schema.String)
    .annotate({ message: "must be a Redacted value" })
    .check(rule((value) => isRight(Redacted.value(value)), message))
const ClientSecret = secret((value) => value.trim() !== "", "is missing")
const WebhookSecret = secret((value) => Option.isSome(keyOf(value)), "must be whsec_ and the base64 of 24 to 64 bytes")

const Cidr = Schema.String.check(rule(ipaddr.isValidCIDR, "must be an address range such as 10.1.0.0/16"))
const HostPattern = Schema.String.check(
  rule(
    (value) => /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$|^\[[0-9a-f:.]+\]$/i.test(value),
    "must be a host name such as hooks.example.com or *.example.com"
  )
)
const HeaderValue = Schema.String.check(
  rule((value) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value), "must be printable ASCII")
)

const isPathSegment = Schema.is(PathSegment)

/** The topic to replay. */
export const TopicId = Schema.String.check(
  rule((value) => value.trim() !== "", "must not be empty"),
  rule(isPathSegment, "is not a topic id")
)

const Rules = Schema.Struct({
  baseUrl: BaseUrl,
  clientId: required("is missing"),
  clientSecret: ClientSecret,
  tokenPath: Schema.String.check(rule((value) => /^\/[^\s?#]*$/.test(value), "must be a path such as /oauth2/token")),
  scopes: Schema.Array(Schema.String),
  clientName: HeaderValue,
  topicId: Schema.UndefinedOr(TopicId),
  destination: Schema.UndefinedOr(HttpsUrl),
  destinations: Schema.Struct({ allowedHosts: Schema.Array(HostPattern), allowedCidrs: Schema.Array(Cidr) }),
  monitoringUrl: Schema.UndefinedOr(SafeUrl),
  monitoringSecret: Schema.UndefinedOr(WebhookSecret),
  registryUrl: Schema.UndefinedOr(SafeUrl),
  registrySecret: Schema.UndefinedOr(WebhookSecret),
  timeouts: Schema.Struct({ default: Span, page: Span, replay: Span }),
  retry: Schema.Struct({ baseDelay: Pause, maxDelay: Pause, maxRetries: Schema.Natural, maxRetryAfter: Pause }),
  rateLimit: Schema.UndefinedOr(Schema.Struct({ limit: Positive, window: Span })),
  breaker: Schema.Struct({ failures: Positive, maxWait: Patience }),
  tracing: Schema.Struct({ letterSampling: Schema.UndefinedOr(Share) })
})

const checkRules = checker(Rules)

/** Checks the options and fills in their defaults; fails with every issue there is, by the name of the option. */
export const check = (options: EventBridgeOptions): Result.Result<typeof Rules.Type, InvalidConfiguration> => {
  const { breaker, destinations, rateLimit, retry, timeouts, tracing } = options
  return checkRules({
    baseUrl: options.baseUrl ?? "https://api.nicecxone.com",
    clientId: options.clientId,
    clientSecret: options.clientSecret,
    tokenPath: options.tokenPath ?? "/oauth2/token",
    scopes: options.scopes ?? [],
    clientName: options.clientName ?? "effect-cxone-eventbridge",
    topicId: options.topicId,
    destination: options.destination,
    destinations: {
      allowedHosts: destinations?.allowedHosts ?? [],
      allowedCidrs: destinations?.allowedCidrs ?? []
    },
    monitoringUrl: options.monitoringUrl,
    monitoringSecret: options.monitoringSecret,
    registryUrl: options.registryUrl,
    registrySecret: options.registrySecret,
    timeouts: {
      default: durationOf(timeouts?.default ?? "30 seconds"),
      page: durationOf(timeouts?.page ?? "15 seconds"),
      replay: durationOf(timeouts?.replay ?? "20 seconds")
    },
    retry: {
      baseDelay: durationOf(retry?.baseDelay ?? defaultRetryPolicy.baseDelay),
      maxDelay: durationOf(retry?.maxDelay ?? defaultRetryPolicy.maxDelay),
      maxRetries: retry?.maxRetries ?? defaultRetryPolicy.maxRetries,
      maxRetryAfter: durationOf(retry?.maxRetryAfter ?? defaultRetryPolicy.maxRetryAfter)
    },
    rateLimit: rateLimit === undefined ? undefined : { limit: rateLimit.limit, window: durationOf(rateLimit.window) },
    breaker: { failures: breaker?.failures ?? 10, maxWait: durationOf(breaker?.maxWait ?? "5 minutes") },
    tracing: { letterSampling: tracing?.letterSampling }
  })
}
