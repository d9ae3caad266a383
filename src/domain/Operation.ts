import { Schema } from "effect"

/** The calls this library makes of the service; the names stand in errors, spans and metrics. */
export const Operation = Schema.Literals([
  "Token",
  "ListDeadLetters",
  "ReplayEvent",
  "CreateSubscription",
  "UpdateSubscription",
  "GetSubscription",
  "ListSubscriptions",
  "DeleteSubscription",
  "DeliveryStatus"
])

export type Operation = typeof Operation.Type

/** The scopes each call needs. The token request itself needs none. */
export const scopesOf: { readonly [O in Operation]: ReadonlyArray<string> } = {
  Token: [],
  ListDeadLetters: ["eventbridge:read"],
  ReplayEvent: ["eventbridge:write"],
  CreateSubscription: ["eventbridge:subscriptions:write"],
  UpdateSubscription: ["eventbridge:subscriptions:write"],
  GetSubscription: ["eventbridge:subscriptions:read"],
  ListSubscriptions: ["eventbridge:subscriptions:read"],
  DeleteSubscription: ["eventbridge:subscriptions:write"],
  DeliveryStatus: ["eventbridge:subscriptions:read"]
}

/**
 * The scopes of `needed` that a token does not have.
 *
 * Without a `granted` list, or with one that names no EventBridge scope at all, nothing can be said: tenants differ in
 * whether and how they report scopes, and refusing a call that the service would have accepted helps nobody.
 */
export const missingScopes = (granted: string | undefined, needed: ReadonlyArray<string>): ReadonlyArray<string> => {
  const scopes = new Set(granted?.split(/\s+/))
  const reportsScopes = Array.from(scopes).some((scope) => scope.startsWith("eventbridge:"))
  return reportsScopes ? needed.filter((scope) => !scopes.has(scope)) : []
}
