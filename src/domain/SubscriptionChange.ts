import { Equal, Predicate } from "effect"
import type { Subscription } from "./Subscription.ts"
import type { SubscriptionDefinition } from "./SubscriptionDefinition.ts"

/** A field that differs between what the service holds and what is wanted. */
export interface SubscriptionChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** Definitions hold JavaScript numbers: so that `1e2` equals `100`, what the service holds is compared as such too. */
const withNumbers = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withNumbers)
  if (!JSON.isRawJSON(value)) return value
  const number = Number(value.rawJSON)
  return Number.isFinite(number) ? number : value
}

const member = (value: unknown, name: string): unknown =>
  Predicate.isObject(value) && Predicate.hasProperty(value, name) ? withNumbers(value[name] ?? null) : null

/** A URL as it is understood, whichever way it is written: `https://A.example.com` is `https://a.example.com/`. */
const urlMember = (value: unknown, name: string): unknown => {
  const text = member(value, name)
  return typeof text === "string" ? (URL.parse(text)?.href ?? text) : text
}

/** A list whose order means nothing, with the members of its items that `pick` keeps: the service may add others. */
const unordered = (list: unknown, pick: (item: unknown) => object): ReadonlyArray<unknown> =>
  Array.isArray(list)
    ? list
        .map(pick)
        .map((item) => [JSON.stringify(item), item] as const)
        .toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
        .map(([, item]) => item)
    : []

/** What a definition says, free of order and of members that say nothing. */
const essence = (source: Subscription | SubscriptionDefinition): Readonly<Record<string, unknown>> => {
  const deadLetterQueue = member(source, "deadLetterQueue")
  const retryConfiguration = member(source, "retryConfiguration")
  return {
    name: source.name,
    description: member(source, "description") ?? "",
    eventType: member(source, "eventType"),
    filters: unordered(member(source, "filters"), (filter) => ({
      field: member(filter, "field"),
      operator: member(filter, "operator"),
      value: member(filter, "value")
    })),
    endpoints: unordered(member(source, "endpoints"), (endpoint) => ({
      url: urlMember(endpoint, "url"),
      type: member(endpoint, "type")
    })),
    "deadLetterQueue.enabled": member(deadLetterQueue, "enabled"),
    "deadLetterQueue.endpointUrl": urlMember(deadLetterQueue, "endpointUrl"),
    "deadLetterQueue.retentionDays": member(deadLetterQueue, "retentionDays"),
    "retryConfiguration.maxRetries": member(retryConfiguration, "maxRetries"),
    "retryConfiguration.backoffStrategy": member(retryConfiguration, "backoffStrategy"),
    "retryConfiguration.initialDelayMs": member(retryConfiguration, "initialDelayMs"),
    "retryConfiguration.maxDelayMs": member(retryConfiguration, "maxDelayMs")
  }
}

/** The definition a subscription was given, as far as the service shows it: what an update is computed against. */
export const heldDefinition: (held: Subscription) => Readonly<Record<string, unknown>> = essence

/**
 * What differs, field by field. The order of filters and endpoints is no difference, nor is another spelling of a URL, nor
 * are members the service adds, nor a retention that is left to the service.
 */
export const changesBetween = (
  held: Subscription,
  wanted: SubscriptionDefinition
): ReadonlyArray<SubscriptionChange> => {
  const before = essence(held)
  const isLeftToService = wanted.deadLetterQueue.retentionDays === undefined
  return Object.entries(essence(wanted))
    .filter(([field]) => !(isLeftToService && field === "deadLetterQueue.retentionDays"))
    .filter(([field, after]) => !Equal.equals(before[field], after))
    .map(([field, after]) => ({ field, before: before[field], after }))
}

/** The service holds what is wanted, under the name that is wanted. */
export const isApplied = (held: Subscription, wanted: SubscriptionDefinition): boolean =>
  changesBetween(held, wanted).length === 0
