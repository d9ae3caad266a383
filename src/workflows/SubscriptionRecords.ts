import { DateTime, Effect } from "effect"
import type { SubscriptionAuditRecord } from "../domain/AuditRecord.ts"
import { Audit } from "../services/Audit.ts"
import { Metrics } from "../services/Metrics.ts"

type Operation = SubscriptionAuditRecord["operation"]

/** What an operation is about: a create has no id yet, and without its name nobody could tell which one failed. */
export type Subject =
  | { readonly operation: "CREATE"; readonly name: string }
  | { readonly operation: Exclude<Operation, "CREATE">; readonly id: string }

interface Failure {
  readonly message: string
  /** The id of what the service created despite the failure. */
  readonly id?: string
}

/** Operations that change something if they were done. */
const changing: ReadonlySet<Operation> = new Set(["CREATE", "UPDATE", "DELETE", "SYNC_REGISTRY"])

/** Says nothing of the defect itself, which may hold anything. */
const defect = "ended by a defect"

/** Keeps records of operations on subscriptions, and counts them. */
export const make = Effect.gen(function* () {
  const audit = yield* Audit
  const metrics = yield* Metrics

  const record = Effect.fnUntraced(function* (entry: Omit<SubscriptionAuditRecord, "timestamp">) {
    yield* metrics.subscription(entry.operation, entry.status)
    yield* audit.record([{ ...entry, timestamp: DateTime.formatIso(yield* DateTime.now) }])
  })

  const failed = ({ operation, ...subject }: Subject, { id, message }: Failure) =>
    record({
      operation,
      status: "FAILED",
      ...("id" in subject
        ? { subscriptionId: subject.id, details: message }
        : { subscriptionId: id ?? null, details: id === undefined ? `${subject.name}: ${message}` : message })
    })

  /** Keeps a record of an operation, whichever way it ends. The record itself is not interrupted. */
  const recorded =
    <A>(subject: Subject, describe: (value: A) => Partial<SubscriptionAuditRecord> & { readonly details: string }) =>
    <E extends Failure>(self: Effect.Effect<A, E>) =>
      Effect.uninterruptibleMask((restore) => {
        const { operation } = subject
        const subscriptionId = "id" in subject ? subject.id : null
        const cutShort = (how: string) =>
          failed(subject, { message: changing.has(operation) ? `${how}; it may have been done` : how })
        return restore(self).pipe(
          Effect.tapError((error) => failed(subject, error)),
          Effect.tapDefect(() => cutShort(defect)),
          Effect.tap((value) => record({ operation, subscriptionId, status: "SUCCESS", ...describe(value) })),
          Effect.onInterrupt(() => cutShort("interrupted"))
        )
      })

  /** Keeps a record of an operation that fails before it is sent, while reading what it has to know first. */
  const failing =
    (subject: Subject) =>
    <A, E extends Failure>(self: Effect.Effect<A, E>) =>
      self.pipe(
        Effect.tapError((error) => failed(subject, error)),
        Effect.tapDefect(() => failed(subject, { message: defect }))
      )

  return { record, recorded, failing }
})
