import { Duration, Result, Schema } from "effect"
import type { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import { scopesOf } from "../domain/Operation.ts"
import { checker, durationOf, Patience, rule, Share } from "../domain/OptionRules.ts"
import type { DeliveryOption } from "./Delivery.ts"
import type { FaultScript } from "./Fault.ts"
import * as FaultPlan from "./FaultPlan.ts"
import type { HeldDefinition } from "./SubscriptionStore.ts"

/** What the emulator holds and how it behaves. Everything may be left out. */
export interface EmulatorOptions {
  /** The one topic it knows. Default `topic_pub_conversations`. */
  readonly topicId?: string | undefined
  /** How many letters the queue holds; each is made when it is asked for. Default 500. */
  readonly letters?: number | undefined
  /** Letters of your own instead: values, or texts of JSON, whose numbers come back digit by digit. */
  readonly queue?: ReadonlyArray<unknown> | undefined
  /** The share of generated letters, 0 to 1, that were retried more often than a replay allows. Default 0. */
  readonly pastRetries?: number | undefined
  /** The share of generated letters, 0 to 1, whose payload is larger than the service accepts. Default 0. */
  readonly oversize?: number | undefined
  /** The seed of generated letters and ragged pages. Default 1. */
  readonly seed?: number | undefined
  /** Default `demo`. */
  readonly clientId?: string | undefined
  /** Default `demo`. */
  readonly clientSecret?: string | undefined
  /** The scopes that the client was granted. Default all four of the service. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** How long a token is valid, in seconds. Default 3600. */
  readonly tokenLifetime?: number | undefined
  /** What token answers claim as `expires_in`, whatever it is; `undefined` leaves it out. Default `tokenLifetime`. */
  readonly expiresIn?: unknown
  /** `ragged`: short and empty pages that still carry a token. Default `full`. */
  readonly pages?: "full" | "ragged" | undefined
  /** Faults at random. Default none. */
  readonly faults?: FaultPlan.FaultPlan | undefined
  /** Scripted faults; asked before `faults`. */
  readonly script?: FaultScript | undefined
  /** How long an idempotency key is remembered. Default for ever. */
  readonly keyRetention?: Duration.Input | undefined
  /** Subscriptions that it holds from the start, as if they had just been made: `sub_000001` and on. Default none. */
  readonly subscriptions?: ReadonlyArray<HeldDefinition> | undefined
  /** How delivery turns out, for all or by name. Default pending for two polls, then active. */
  readonly delivery?: DeliveryOption | undefined
}

/** Every scope that the service knows. */
export const allScopes: ReadonlyArray<string> = [
  ...scopesOf.ListDeadLetters,
  ...scopesOf.ReplayEvent,
  ...scopesOf.GetSubscription,
  ...scopesOf.CreateSubscription
]

/** The topic of an emulator that was given none. */
export const defaultTopicId = "topic_pub_conversations"

const atLeast0 = (isRight: (value: number) => boolean, message: string) =>
  Schema.Number.check(rule((value) => value >= 0 && isRight(value), message))

const isKind = Schema.is(Schema.Literals(FaultPlan.faultKinds))

const Rates = Schema.Record(Schema.String, Schema.UndefinedOr(Schema.Struct({ rate: Share }))).check(
  rule((rates) => Object.keys(rates).every(isKind), `must be of the kinds ${FaultPlan.faultKinds.join(", ")}`),
  rule(
    (rates) => Object.values(rates).reduce((sum, given) => sum + (given?.rate ?? 0), 0) <= 1 + 1e-9,
    "must add up to 1 at most: a request suffers one fault, and the last kinds would never come"
  )
)

/** The options in which nonsense would go unnoticed: the emulator would fail at nothing, or at everything. */
const Rules = Schema.Struct({
  letters: atLeast0((value) => Number.isInteger(value) || value === Infinity, "must be a whole number of 0 or more"),
  pastRetries: Share,
  oversize: Share,
  tokenLifetime: atLeast0(() => true, "must be a number of seconds of 0 or more"),
  pages: Schema.Literals(["full", "ragged"]).annotate({ message: "must be full or ragged" }),
  faults: Schema.Struct({ rates: Rates }),
  keyRetention: Patience
})

const checkRules = checker(Rules)

/** The options with the defaults filled in; fails with every issue they have. */
export const resolve = (options: EmulatorOptions): Result.Result<ResolvedOptions, InvalidConfiguration> => {
  const keyRetention = durationOf(options.keyRetention ?? Duration.infinity)
  const filled = fill(options)
  return Result.map(checkRules({ ...filled, keyRetention }), (checked) => ({
    ...filled,
    keyRetention: checked.keyRetention
  }))
}

const fill = (options: EmulatorOptions) => ({
  topicId: options.topicId ?? defaultTopicId,
  letters: options.letters ?? 500,
  queue: options.queue,
  pastRetries: options.pastRetries ?? 0,
  oversize: options.oversize ?? 0,
  seed: options.seed ?? 1,
  clientId: options.clientId ?? "demo",
  clientSecret: options.clientSecret ?? "demo",
  scopes: options.scopes ?? allScopes,
  tokenLifetime: options.tokenLifetime ?? 3600,
  expiresIn: "expiresIn" in options ? options.expiresIn : (options.tokenLifetime ?? 3600),
  pages: options.pages ?? "full",
  faults: options.faults ?? FaultPlan.none,
  script: options.script,
  subscriptions: options.subscriptions ?? [],
  delivery: options.delivery ?? {}
})

export interface ResolvedOptions extends ReturnType<typeof fill> {
  readonly keyRetention: Duration.Duration
}
