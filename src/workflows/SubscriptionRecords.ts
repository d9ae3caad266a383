import { DateTime, Effect } from "effect"
import type { SubscriptionAuditRecord } from "../domain/AuditRecord.ts"
import { Audit } from "../services/Audit.ts"
import { Metrics } from "../services/Metrics.ts"

type Operation = SubscriptionAuditRecord["operation"]

/** Operations that leave something different, should they have been done. */
const changing: ReadonlySet<Operation> = new Set(["CREATE", "UPDATE", "DELETE", "SYNC_REGISTRY"])

/** Keeps records of operations on subscriptions, and counts them. */
export const make = Effect.gen(function* () {
  const audit = yield* Audit
  const metrics = yield* Metrics

  const record = Effect.fnUntraced(function* (entry: Omit<SubscriptionAuditRecord, "timestamp">) {
    yield* metrics.subscription(entry.operation, entry.status)
    yield* audit.record([{ ...entry, timestamp: DateTime.formatIso(yield* DateTime.now) }])
  })

  /** Keeps a record of an operation, whichever way it ends. The record itself is not interrupted. */
  const recorded =
    <A>(
      operation: Operation,
      subscriptionId: string | null,
      describe: (value: A) => Partial<SubscriptionAuditRecord> & { readonly details: string }
    ) =>
    <E extends { readonly message: string }>(self: Effect.Effect<A, E>) =>
      Effect.uninterruptibleMask((restore) => {
        const failed = (details: string) => record({ operation, subscriptionId, status: "FAILED", details })
        return restore(self).pipe(
          Effect.tapError((error) => failed(error.message)),
          Effect.tap((value) => record({ operation, subscriptionId, status: "SUCCESS", ...describe(value) })),
          Effect.onInterrupt(() =>
            failed(changing.has(operation) ? "interrupted; it may have been done" : "interrupted")
          )
        )
      })

  /** Keeps a record of an operation that fails before it is sent: with what it has to know first. */
  const failing =
    (operation: Operation, subscriptionId: string | null) =>
    <A, E extends { readonly message: string }>(self: Effect.Effect<A, E>) =>
      Effect.tapError(self, ({ message }) => record({ operation, subscriptionId, status: "FAILED", details: message }))

  return { record, recorded, failing }
})
