import { Data, Effect, Result } from "effect"
import type { AuditError } from "../domain/ReplayError.ts"
import type { SubscriptionChange } from "../domain/SubscriptionChange.ts"
import type { AmbiguousName, QuotaExceeded } from "../domain/SubscriptionError.ts"
import { maxSubscriptions, nameOf, type SubscriptionAction, type SubscriptionPlan } from "../domain/SubscriptionPlan.ts"
import type { WriteError } from "./SubscriptionWrites.ts"

/** What was done about a subscription. */
export interface SubscriptionResult {
  readonly name: string
  readonly action: "create" | "update" | "unchanged" | "delete"
  readonly id: string
  /** As the service holds it afterwards; `deleted` when it is gone. */
  readonly state: string
  /** What an update changed, field by field. */
  readonly changes: ReadonlyArray<SubscriptionChange>
}

/** Why a write was not done. */
export type SubscriptionError = WriteError | AmbiguousName | QuotaExceeded | AuditError

/** A write that was tried, and why it was not done. */
export interface ApplyFailure {
  readonly name: string
  readonly error: SubscriptionError
}

/** What was not tried, and why. */
export interface HeldBack {
  readonly action: SubscriptionAction
  readonly why: string
}

/** Not all of a plan could be done. What was done stays done; the same plan can be applied again. */
export class ApplyIncomplete extends Data.TaggedError("ApplyIncomplete")<{
  readonly results: ReadonlyArray<SubscriptionResult>
  readonly failures: ReadonlyArray<ApplyFailure>
  /**
   * What was not tried because of the failures, and why: deletions after a create or an update that failed, creates that
   * have no room without them, and everything after a record that could not be kept or while the service is down.
   */
  readonly heldBack: ReadonlyArray<HeldBack>
}> {
  readonly hint = "Correct what is named and apply again; what was done stays done."
  /** A line for each failure, and for each action that was held back. */
  get problems(): ReadonlyArray<string> {
    return [
      ...this.failures.map(({ error, name }) => `${name}: ${error.message}`),
      ...this.heldBack.map(({ action, why }) => `${nameOf(action)}: ${why}`)
    ]
  }
  override get message(): string {
    return this.problems.join("\n")
  }
}

/** A failure that all further actions would meet as well, and each of them only after minutes where the service is down. */
const whyNoneAfter = (error: SubscriptionError): string | undefined => {
  if (error._tag === "AuditError") return "not tried, because no record of it could be kept"
  const failed = error._tag === "WriteUnconfirmed" ? error.error : error
  return failed._tag === "EventBridgeError" && failed.reason._tag === "ServiceUnavailable"
    ? "not tried, because the service is down"
    : undefined
}

/** Does what can be done of a plan, action by action in its order. */
export const applyPlan = Effect.fnUntraced(function* (
  { actions, existing }: SubscriptionPlan,
  perform: (action: SubscriptionAction) => Effect.Effect<SubscriptionResult, SubscriptionError>
) {
  const results: Array<SubscriptionResult> = []
  const failures: Array<ApplyFailure> = []
  const heldBack: Array<HeldBack> = []
  let count = existing
  let isDeclaredDone = true
  let whyNoMore: string | undefined

  const whyNot = ({ _tag }: SubscriptionAction): string | undefined => {
    if (whyNoMore !== undefined) return whyNoMore
    // As long as it is there, its events still arrive.
    if (_tag === "Delete" && !isDeclaredDone) return "not deleted, because what failed may be what replaces it"
    return _tag === "Create" && count >= maxSubscriptions
      ? "not created, because there is no room before another is deleted"
      : undefined
  }

  for (const action of actions) {
    const why = whyNot(action)
    if (why !== undefined) {
      heldBack.push({ action, why })
      continue
    }
    const done = yield* Effect.result(perform(action))
    if (Result.isSuccess(done)) {
      results.push(done.success)
      count += action._tag === "Create" ? 1 : action._tag === "Delete" ? -1 : 0
    } else {
      failures.push({ name: nameOf(action), error: done.failure })
      if (action._tag !== "Delete") isDeclaredDone = false
      whyNoMore = whyNoneAfter(done.failure)
    }
  }
  return failures.length === 0 ? results : yield* new ApplyIncomplete({ results, failures, heldBack })
})
