import { Deferred, Effect, Latch, type Scope } from "effect"

/** Items that are worked on together, and the signal for everyone who waits for them. */
interface Group<Item, E> {
  readonly items: Array<Item>
  readonly done: Deferred.Deferred<void, E>
}

/** Work that serves all who have asked for it by the time it begins. */
export interface Batch<Item, E> {
  /** Hands items over, and waits until the work on their group is done. Fails as that does. */
  readonly submit: (items: ReadonlyArray<Item>) => Effect.Effect<void, E>
}

/**
 * Does `work` on groups, one after the other: what is submitted while one is worked on makes the next. So a slow write or
 * sync costs latency, not throughput. When the scope closes, a group that was begun is finished; what still waits, and what
 * is submitted from then on, fails with `closed`.
 */
export const make = Effect.fnUntraced(function* <Item, E>(
  work: (items: ReadonlyArray<Item>) => Effect.Effect<void, E>,
  closed: E
): Effect.fn.Return<Batch<Item, E>, never, Scope.Scope> {
  const wake = yield* Latch.make()
  let waiting: Group<Item, E> | undefined
  let isClosed = false

  const workOnGroup = Effect.suspend(() => {
    const group = waiting
    waiting = undefined
    wake.closeUnsafe()
    return group === undefined
      ? Effect.void
      : Effect.flatMap(Effect.exit(work(group.items)), (exit) => Deferred.done(group.done, exit))
  })
  yield* wake.await.pipe(Effect.andThen(Effect.uninterruptible(workOnGroup)), Effect.forever, Effect.forkScoped)

  const submit = (items: ReadonlyArray<Item>): Effect.Effect<void, E> =>
    Effect.suspend(() => {
      if (isClosed) return Effect.fail(closed)
      const group = (waiting ??= { items: [], done: Deferred.makeUnsafe() })
      // Not spread into arguments, of which the stack holds a limited number.
      for (const item of items) group.items.push(item)
      // Last, as the group may be taken at once.
      wake.openUnsafe()
      return Deferred.await(group.done)
    })

  // Before the fiber above is interrupted.
  yield* Effect.addFinalizer(() => {
    isClosed = true
    return waiting === undefined ? Effect.void : Deferred.fail(waiting.done, closed)
  })

  return { submit }
})
