import { Cause, Data, Deferred, Duration, Effect, Schedule, type Scope } from "effect"
import { causesOf } from "../domain/Causes.ts"
import { LeaseLost } from "../domain/Lease.ts"

/** Something held by this process alone, until the scope closes it was acquired in. */
export interface Lease {
  /** Waits, and fails once the lease is lost. */
  readonly lost: Effect.Effect<never, LeaseLost>
  /** Fails where the lease is known to be lost: before each step that is for one process only. */
  readonly check: Effect.Effect<void, LeaseLost>
}

/** A lease of an owner of which nothing is known ends so long after its last sign of life. */
export const expiryMillis = 30_000

/** Renewed so often, a lease outlives two renewals that fail. */
export const renewal = Duration.millis(expiryMillis / 3)

/** Another process was quicker. */
export class Overtaken extends Data.TaggedError("Overtaken") {}

/** Renews a lease as long as the scope is open, and tells when that fails for good. */
export const keep = Effect.fnUntraced(function* <E extends { readonly _tag: string }>(
  resource: string,
  renew: Effect.Effect<void, E | Overtaken>
): Effect.fn.Return<Lease, never, Scope.Scope> {
  const lost = yield* Deferred.make<never, LeaseLost>()
  yield* Effect.sleep(renewal).pipe(
    Effect.andThen(
      Effect.uninterruptible(renew).pipe(
        Effect.retry({ times: 1, while: ({ _tag }) => _tag !== "Overtaken", schedule: Schedule.spaced(renewal) })
      )
    ),
    Effect.forever,
    Effect.catchCause((cause) => {
      if (Cause.hasInterrupts(cause)) return Effect.failCause(cause)
      const error = Cause.squash(cause)
      const detail =
        error instanceof Overtaken
          ? "another process has taken it"
          : `it could not be renewed: ${causesOf(error) || String(error)}`
      return Deferred.fail(lost, new LeaseLost({ resource, detail }))
    }),
    Effect.forkScoped
  )
  return {
    lost: Deferred.await(lost),
    check: Effect.suspend(() => (Deferred.isDoneUnsafe(lost) ? Deferred.await(lost) : Effect.void))
  }
})
