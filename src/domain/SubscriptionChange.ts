import { Equal, Predicate } from "effect"
import type { Subscription } from "./Subscription.ts"
import type { SubscriptionDefinition } from "./SubscriptionDefinition.ts"

/** A field that differs between what the service holds and what is wanted. */
export interface SubscriptionChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

/** The numbers of a definition are JavaScript's: what the service holds counts as such, in whatever digits it writes it. */
const withNumbers = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withNumbers)
  if (!JSON.isRawJSON(value)) return value
  const number = Number(value.rawJSON)
  return Number.isFinite(number) ? number : value
}

const member = (value: unknown, name: string): unknown =>
  Predicate.isObject(value) && Predicate.hasProperty(value, name) ? withNumbers(value[name] ?? null) : null

/** The members named, in that order; the service may add others of its own. */
const pick = (value: unknown, names: ReadonlyArray<string>) =>
  Object.fromEntries(names.map((name) => [name, member(value, name)]))

/** A list whose order means nothing. */
const unordered = (list: unknown, names: ReadonlyArray<string>): ReadonlyArray<unknown> =>
  Array.isArray(list)
    ? list
        .map((item: unknown) => pick(item, names))
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
    filters: unordered(member(source, "filters"), ["field", "operator", "value"]),
    endpoints: unordered(member(source, "endpoints"), ["url", "type"]),
    "deadLetterQueue.enabled": member(deadLetterQueue, "enabled"),
    "deadLetterQueue.endpointUrl": member(deadLetterQueue, "endpointUrl"),
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
 * What differs, field by field. The order of filters and endpoints is no difference, nor are members the service adds,
 * nor a retention that is left to the service.
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
