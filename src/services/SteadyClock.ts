import { type Clock, Effect } from "effect"

/**
 * A clock to wait by. Its milliseconds are of the monotonic clock and say nothing of the date: set back or forward, the clock
 * of the machine makes no wait longer or shorter. For the rest it is the clock it is made of.
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
