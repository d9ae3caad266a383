import { Context, Effect, Layer, Metric, Record } from "effect"
import type { SubscriptionAuditRecord } from "../domain/AuditRecord.ts"
import type { MetricSnapshot } from "../domain/MetricSnapshot.ts"
import type { Operation } from "../domain/Operation.ts"
import { classificationOf, type ReplayOutcome } from "../domain/ReplayOutcome.ts"
import { counter, gauge, histogram, names, unitAttribute } from "./MetricFamilies.ts"

/** What the circuit breaker does: lets calls through, lets one through as a test, or holds them back. */
export type BreakerState = "Closed" | "HalfOpen" | "Open"

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
    /** The state the circuit breaker has changed to. */
    readonly breaker: (state: BreakerState) => Effect.Effect<void>
    /** This many more letters are in flight; with a negative number, fewer. */
    readonly inFlight: (letters: number) => Effect.Effect<void>
    /** Letters with their final outcomes. */
    readonly letters: (outcomes: ReadonlyArray<ReplayOutcome>) => Effect.Effect<void>
    /** A page that is settled, and how long that took from when it was opened. */
    readonly page: (millis: number) => Effect.Effect<void>
    /** An operation on a subscription, as in its audit record. */
    readonly subscription: (
      operation: SubscriptionAuditRecord["operation"],
      status: SubscriptionAuditRecord["status"]
    ) => Effect.Effect<void>
    /** A record for the monitoring webhook. */
    readonly notification: (result: "delivered" | "failed" | "dropped") => Effect.Effect<void>
    /** A state for the registry webhook, after the retries due. */
    readonly registrySync: (result: "delivered" | "failed") => Effect.Effect<void>
  }
>()("effect-cxone-eventbridge/services/Metrics") {
  /** Effect's own metrics, for whatever exporter the application has. */
  static readonly layer: Layer.Layer<Metrics> = Layer.effect(
    Metrics,
    Effect.gen(function* () {
      const requests = memoized((operation: Operation) =>
        memoized((status: number | "none") => counter("requests", { operation, status: statusOf(status) }))
      )
      const durations = memoized((operation: Operation) => histogram("requestDuration", { operation }))
      const retries = memoized((operation: Operation) => increment("retries", { operation }))
      const refreshes = memoized((result: string) => increment("tokenRefreshes", { result }))
      const letters = memoized((tag: ReplayOutcome["_tag"]) =>
        memoized((classification: string) => counter("letters", { outcome: tag.toLowerCase(), classification }))
      )
      const subscriptions = memoized((operation: string) =>
        memoized((status: string) =>
          increment("subscriptions", { operation: operation.toLowerCase(), status: status.toLowerCase() })
        )
      )
      const deliveries = memoized((webhook: "monitoring" | "registry") =>
        memoized((result: string) => increment("webhookDeliveries", { webhook, result }))
      )
      const pages = histogram("pageDuration", {})
      const lettersInFlight = gauge("inFlight", {})
      const states = breakerStates.map((state) => ({
        state,
        is: gauge("breaker", { state: breakerNames[state] })
      }))

      // A gauge that is not there yet would look like one that cannot be read.
      yield* Metric.modify(lettersInFlight, 0)

      return Metrics.of({
        request: (operation, status, millis) =>
          Effect.contextWith((context) => {
            requests(operation)(status).updateUnsafe(1, context)
            durations(operation).updateUnsafe(millis / 1000, context)
            return Effect.void
          }),
        retry: retries,
        tokenRefresh: refreshes,
        breaker: (current) =>
          Effect.forEach(states, ({ is, state }) => Metric.update(is, state === current ? 1 : 0), { discard: true }),
        inFlight: (more) =>
          Effect.contextWith((context) => {
            lettersInFlight.modifyUnsafe(more, context)
            return Effect.void
          }),
        letters: (outcomes) =>
          Effect.contextWith((context) => {
            for (const outcome of outcomes) {
              letters(outcome._tag)(classificationOf(outcome) ?? "none").updateUnsafe(1, context)
            }
            return Effect.void
          }),
        page: (millis) => Metric.update(pages, millis / 1000),
        subscription: (operation, status) => subscriptions(operation)(status),
        notification: deliveries("monitoring"),
        registrySync: deliveries("registry")
      })
    })
  )

  /** Counts nothing. */
  static readonly layerNoop: Layer.Layer<Metrics> = Layer.succeed(Metrics, {
    request: () => Effect.void,
    retry: () => Effect.void,
    tokenRefresh: () => Effect.void,
    breaker: () => Effect.void,
    inFlight: () => Effect.void,
    letters: () => Effect.void,
    page: () => Effect.void,
    subscription: () => Effect.void,
    notification: () => Effect.void,
    registrySync: () => Effect.void
  })

  /** This library's metrics as they stand, for a report or as JSON (`MetricSnapshot`); by name, then by attributes. */
  static readonly snapshot: Effect.Effect<ReadonlyArray<MetricSnapshot>> = Effect.map(Metric.snapshot, (all) =>
    all
      .flatMap((one) => (names.has(one.id) ? snapshotOf(one) : []))
      .toSorted((left, right) => (seriesOf(left) < seriesOf(right) ? -1 : 1))
  )
}

/** One more of a counter: made once, run each time. */
const increment = (...series: Parameters<typeof counter>) => Metric.update(counter(...series), 1)

/** Attributes are bounded, so what is made for them is kept: a letter costs a lookup. */
const memoized = <K, A>(make: (key: K) => A): ((key: K) => A) => {
  const made = new Map<K, A>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const value = make(key)
    made.set(key, value)
    return value
  }
}

/** A valid HTTP status as it is; any other number must not become a series of its own. */
const statusOf = (status: number | "none"): string =>
  status === "none" || (status >= 100 && status < 600) ? String(status) : "other"

const breakerStates = ["Closed", "HalfOpen", "Open"] as const
const breakerNames = { Closed: "closed", HalfOpen: "half_open", Open: "open" } as const

const snapshotOf = (one: Metric.Metric.Snapshot): ReadonlyArray<MetricSnapshot> => {
  const attributes = Record.remove(one.attributes ?? {}, unitAttribute)
  const series = { name: one.id, description: one.description ?? "", attributes }
  switch (one.type) {
    case "Counter":
      return [{ type: "counter", ...series, value: Number(one.state.count) }]
    case "Gauge":
      return [{ type: "gauge", ...series, value: Number(one.state.value) }]
    case "Histogram": {
      const { buckets, count, max, min, sum } = one.state
      return [
        { type: "histogram", ...series, count, sum, min, max, buckets: buckets.map(([le, n]) => ({ le, count: n })) }
      ]
    }
    default:
      return []
  }
}

const seriesOf = ({ attributes, name }: MetricSnapshot): string => `${name} ${JSON.stringify(attributes)}`
