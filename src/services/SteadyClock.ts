import { type Clock, Effect } from "effect"

/**
 * A clock to wait by. Its milliseconds are those of the monotonic clock and say nothing about the date: setting the
 * machine's clock makes no wait longer or shorter. Otherwise it is the clock it is made from.
 */
export const make = (clock: Clock.Clock): Clock.Clock => {
  const currentTimeMillisUnsafe = (): number => Math.floor(Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
  return {
    currentTimeMillisUnsafe,
    currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
    currentTimeNanos: clock.currentTimeNanos,
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}
