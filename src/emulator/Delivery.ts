import type { DeliveryStatus } from "../domain/Subscription.ts"

/** How the delivery of a subscription turns out. */
export interface Delivery {
  /** How many polls find it `pending` before it is `active`, counted anew after each update. Default 2. */
  readonly activeAfterPolls?: number | undefined
  /** It never delivers: its state is `error` from the start, and this its `lastDeliveryError`. */
  readonly error?: string | undefined
}

/** One for all subscriptions, or by name; asked each time, so that a test may change its mind. */
export type DeliveryOption = Delivery | ((name: string) => Delivery)

/** The delivery status of a subscription after this many polls. */
export const statusAfter = (option: DeliveryOption, name: string, polls: number): DeliveryStatus => {
  const { activeAfterPolls = 2, error } = typeof option === "function" ? option(name) : option
  if (error !== undefined) return { state: "error", lastDeliveryError: error }
  return { state: polls < activeAfterPolls ? "pending" : "active" }
}
