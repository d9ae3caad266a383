import { Context, Effect, Layer, Metric } from "effect"
import type { SubscriptionAuditRecord } from "../domain/AuditRecord.ts"
import type { Operation } from "../domain/Operation.ts"
import type { ReplayOutcome } from "../domain/ReplayOutcome.ts"
import * as Skip from "../domain/Skip.ts"

/**
 * What is counted. Attributes are bounded: operations, statuses, outcomes and classifications, never the id of an event,
 * a topic or a subscription.
 */
export class Metrics extends Context.Service<
  Metrics,
  {
    /** One try of a call: its status, or `none` when there was no answer. */
    readonly request: (operation: Operation, status: number | "none", millis: number) => Effect.Effect<void>
    /** A further try of a call. */
    readonly retry: (operation: Operation) => Effect.Effect<void>
    readonly tokenRefresh: (result: "success" | "failure") => Effect.Effect<void>
    /** A letter with its final outcome. */
    readonly letter: (outcome: ReplayOutcome) => Effect.Effect<void>
    /** An operation on a subscription, as the audit has it. */
    readonly subscription: (
      operation: SubscriptionAuditRecord["operation"],
      status: SubscriptionAuditRecord["status"]
    ) => Effect.Effect<void>
    readonly notification: (result: "delivered" | "failed" | "dropped") => Effect.Effect<void>
  }
>()("effect-cxone-eventbridge/services/Metrics") {
  /** Effect's own metrics, for whatever exporter the application has. */
  static readonly layer: Layer.Layer<Metrics> = Layer.sync(Metrics, () => {
    const counter = attributed((attributes) =>
      Metric.withAttributes(Metric.counter(attributes.name, { incremental: true }), attributes.labels)
    )
    const durations = attributed((attributes) =>
      Metric.withAttributes(
        Metric.histogram(attributes.name, {
          description: "Duration of one try, in seconds",
          boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
        }),
        attributes.labels
      )
    )
    const count = (name: string, labels: Record<string, string>) => Metric.update(counter(name, labels), 1)

    return Metrics.of({
      request: (operation, status, millis) =>
        Effect.andThen(
          count("cxone_eventbridge_requests_total", { operation, status: String(status) }),
          Metric.update(durations("cxone_eventbridge_request_duration_seconds", { operation }), millis / 1000)
        ),
      retry: (operation) => count("cxone_eventbridge_retries_total", { operation }),
      tokenRefresh: (result) => count("cxone_eventbridge_token_refreshes_total", { result }),
      letter: (outcome) =>
        count("cxone_eventbridge_letters_total", {
          outcome: outcome._tag.toLowerCase(),
          classification: classificationOf(outcome)
        }),
      subscription: (operation, status) =>
        count("cxone_eventbridge_subscription_operations_total", {
          operation: operation.toLowerCase(),
          status: status.toLowerCase()
        }),
      notification: (result) => count("cxone_eventbridge_notifications_total", { result })
    })
  })

  /** Counts nothing. */
  static readonly layerNoop: Layer.Layer<Metrics> = Layer.succeed(Metrics, {
    request: () => Effect.void,
    retry: () => Effect.void,
    tokenRefresh: () => Effect.void,
    letter: () => Effect.void,
    subscription: () => Effect.void,
    notification: () => Effect.void
  })
}

const classificationOf = (outcome: ReplayOutcome): string => {
  switch (outcome._tag) {
    case "Accepted":
      return "none"
    case "Duplicate":
      return "DUPLICATE_DETECTED"
    case "Skipped":
      return Skip.reason(outcome.skip)
    case "Rejected":
    case "Exhausted":
      return outcome.error.classification
  }
}

interface Attributes {
  readonly name: string
  readonly labels: Record<string, string>
}

/** Metrics with attributes are found again instead of made anew for each letter; there are few, as attributes are bounded. */
const attributed = <M>(make: (attributes: Attributes) => M) => {
  const known = new Map<string, M>()
  return (name: string, labels: Record<string, string>): M => {
    const key = `${name} ${Object.values(labels).join(" ")}`
    const found = known.get(key)
    if (found !== undefined) return found
    const metric = make({ name, labels })
    known.set(key, metric)
    return metric
  }
}
