import { Data, Result } from "effect"
import type { Subscription } from "./Subscription.ts"
import { changesBetween, type SubscriptionChange } from "./SubscriptionChange.ts"
import type { SubscriptionDefinition } from "./SubscriptionDefinition.ts"
import { AmbiguousName, QuotaExceeded } from "./SubscriptionError.ts"

/** The most subscriptions an organization may have. */
export const maxSubscriptions = 100

/** What is to be done about one subscription. */
export type SubscriptionAction = Data.TaggedEnum<{
  Create: { readonly definition: SubscriptionDefinition }
  Update: {
    readonly id: string
    readonly definition: SubscriptionDefinition
    readonly changes: ReadonlyArray<SubscriptionChange>
  }
  Unchanged: { readonly definition: SubscriptionDefinition; readonly held: Subscription }
  /** Nobody declared it. Only with `prune`. */
  Delete: { readonly id: string; readonly name: string }
}>
export const SubscriptionAction = Data.taggedEnum<SubscriptionAction>()

/** What makes the service as declared, in the order it is to be done. */
export interface SubscriptionPlan {
  readonly actions: ReadonlyArray<SubscriptionAction>
  /** Subscriptions the service holds now. */
  readonly existing: number
}

/** What one definition asks for. */
export const actionFor = (
  definition: SubscriptionDefinition,
  held: ReadonlyArray<Subscription>
): Result.Result<SubscriptionAction, AmbiguousName> => {
  const namesakes = held.filter(({ name }) => name === definition.name)
  const [only, ...others] = namesakes
  if (only === undefined) return Result.succeed(SubscriptionAction.Create({ definition }))
  if (others.length > 0) {
    return Result.fail(new AmbiguousName({ name: definition.name, ids: namesakes.map(({ id }) => id) }))
  }
  const changes = changesBetween(only, definition)
  return Result.succeed(
    changes.length === 0
      ? SubscriptionAction.Unchanged({ definition, held: only })
      : SubscriptionAction.Update({ id: only.id, definition, changes })
  )
}

/** Refuses more subscriptions than an organization may have. */
export const checkQuota = (existing: number, planned: number): Result.Result<void, QuotaExceeded> =>
  planned > existing && planned > maxSubscriptions
    ? Result.fail(new QuotaExceeded({ limit: maxSubscriptions, existing, planned }))
    : Result.void

/**
 * A replacement should exist before what it replaces is deleted, or events are lost in between: deletions come last. If
 * there is no room, a create comes after as many deletions as it needs, and no more.
 */
const inOrder = (
  existing: number,
  declared: ReadonlyArray<SubscriptionAction>,
  deletions: ReadonlyArray<SubscriptionAction>
): ReadonlyArray<SubscriptionAction> => {
  const waiting = [...deletions]
  let count = existing
  const ordered = declared.flatMap((action) => {
    if (action._tag !== "Create") return [action]
    const making = waiting.splice(0, Math.max(0, count + 1 - maxSubscriptions))
    count += 1 - making.length
    return [...making, action]
  })
  return [...ordered, ...waiting]
}

/**
 * Compares what is declared with what the service holds. `prunes` says which subscriptions may be deleted although
 * nobody declared them.
 */
export const makePlan = (
  definitions: ReadonlyArray<SubscriptionDefinition>,
  held: ReadonlyArray<Subscription>,
  prunes: (subscription: Subscription) => boolean
): Result.Result<SubscriptionPlan, AmbiguousName | QuotaExceeded> =>
  Result.flatMap(Result.all(definitions.map((definition) => actionFor(definition, held))), (declared) => {
    const names = new Set(definitions.map(({ name }) => name))
    const deletions = held
      .filter((subscription) => !names.has(subscription.name) && prunes(subscription))
      .map(({ id, name }) => SubscriptionAction.Delete({ id, name }))
    const creations = declared.filter(SubscriptionAction.$is("Create")).length
    const existing = held.length
    return Result.map(checkQuota(existing, existing + creations - deletions.length), () => ({
      existing,
      actions: inOrder(existing, declared, deletions)
    }))
  })

/** The subscription an action is about. */
export const nameOf = (action: SubscriptionAction): string =>
  action._tag === "Delete" ? action.name : action.definition.name

/** The definitions a plan is for. */
export const definitionsOf = ({ actions }: SubscriptionPlan): ReadonlyArray<SubscriptionDefinition> =>
  actions.flatMap((action) => (action._tag === "Delete" ? [] : [action.definition]))
