import { Schema } from "effect"

/**
 * A subscription as the service holds it. A create's answer may hold only the first four members; members that the
 * service adds are kept.
 */
export const Subscription = Schema.StructWithRest(
  Schema.Struct({
    id: Schema.NonEmptyString,
    name: Schema.String,
    state: Schema.String,
    createdDate: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)
export type Subscription = typeof Subscription.Type

/** Whether a subscription's events arrive. */
export const DeliveryStatus = Schema.Struct({
  state: Schema.String,
  lastDeliveryError: Schema.optionalKey(Schema.NullOr(Schema.String))
})
export type DeliveryStatus = typeof DeliveryStatus.Type

/** Delivery is confirmed when the state is `active` and there is no last error. */
export const isDelivering = ({ lastDeliveryError, state }: DeliveryStatus): boolean =>
  state === "active" && (lastDeliveryError ?? "") === ""
