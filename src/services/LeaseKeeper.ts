import { Cause, Clock, Data, Deferred, Duration, Effect, Schedule, type Scope, Semaphore } from "effect"
import { causesOf } from "../domain/Causes.ts"
import { LeaseLost } from "../domain/Lease.ts"

/** Something held by this process alone, until the scope it was acquired in closes. */
export interface Lease {
  /** Waits, and fails once the lease is lost. */
  readonly lost: Effect.Effect<never, LeaseLost>
  /**
   * Fails if the lease is lost; to be run before each step that only one process may take. A lease that may have
   * expired, because this process was suspended or its machine slept, is renewed first.
   */
  readonly check: Effect.Effect<void, LeaseLost>
}

/** If nothing is known of its owner, a lease expires this long after its last renewal. */
export const expiryMillis = 30_000

/** A renewal that fails is tried once more; both are over before the lease ends. */
export const renewal = Duration.millis(expiryMillis / 3)

/** Another process was quicker. */
export class Overtaken extends Data.TaggedError("Overtaken") {}

/** Renews a lease as long as the scope is open, and reports when that fails for good. */
export const keep = Effect.fnUntraced(function* <E extends { readonly _tag: string }>(
  resource: string,
  renew: Effect.Effect<void, E | Overtaken>
): Effect.fn.Return<Lease, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const lost = yield* Deferred.make<never, LeaseLost>()
  const { withPermit: oneAtATime } = yield* Semaphore.make(1)
  let renewedAt = clock.currentTimeMillisUnsafe()

  // A clock that was set back does not show how long it has been.
  const isOld = (): boolean => Math.abs(clock.currentTimeMillisUnsafe() - renewedAt) >= expiryMillis

  const renewing = Effect.suspend(() => {
    const startedAt = clock.currentTimeMillisUnsafe()
    return Effect.map(renew, () => {
      renewedAt = startedAt
    })
  })

  const lose = (cause: Cause.Cause<E | Overtaken>) => {
    if (Cause.hasInterrupts(cause)) return Effect.interrupt
    const error = Cause.squash(cause)
    const detail =
      error instanceof Overtaken
        ? "another process has taken it"
        : `it could not be renewed: ${causesOf(error) || String(error)}`
    return Deferred.fail(lost, new LeaseLost({ resource, detail }))
  }

  yield* Effect.sleep(renewal).pipe(
    Effect.andThen(
      oneAtATime(renewing).pipe(
        Effect.retry({ times: 1, while: ({ _tag }) => _tag !== "Overtaken", schedule: Schedule.spaced(renewal) })
      )
    ),
    Effect.forever,
    Effect.catchCause(lose),
    Effect.forkScoped
  )

  const renewIfOld = oneAtATime(Effect.suspend(() => (isOld() ? renewing : Effect.void)))

  return {
    lost: Deferred.await(lost),
    check: Effect.suspend(() => {
      if (Deferred.isDoneUnsafe(lost)) return Deferred.await(lost)
      return isOld()
        ? Effect.catchCause(renewIfOld, (cause) => Effect.andThen(lose(cause), Deferred.await(lost)))
        : Effect.void
    })
  }
})
