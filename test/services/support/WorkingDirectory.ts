import { Effect } from "effect"

/** Does something with another working directory. */
export const within = <A, E, R>(folder: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const before = process.cwd()
      process.chdir(folder)
      return before
    }),
    () => effect,
    (before) => Effect.sync(() => process.chdir(before))
  )
