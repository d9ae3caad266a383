import { Clock, Effect, Layer } from "effect"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import * as SteadyClock from "./SteadyClock.ts"

// Effect's in-memory stores use their caller's clock. Setting it back would keep a circuit open for that much longer,
// and let each call under a rate limit wait longer than the one before.
const steadily = Effect.map(Clock.Clock, (clock) => Effect.provideService(Clock.Clock, SteadyClock.make(clock)))

const breakers = Layer.effect(
  CircuitBreaker.CircuitBreakerStore,
  Effect.gen(function* () {
    const onSteadyClock = yield* steadily
    const store = yield* CircuitBreaker.CircuitBreakerStore
    return CircuitBreaker.CircuitBreakerStore.of({
      admit: (key) => onSteadyClock(store.admit(key)),
      record: (options) => onSteadyClock(store.record(options)),
      state: (key) => onSteadyClock(store.state(key))
    })
  })
).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))

const rates = Layer.effect(
  RateLimiter.RateLimiterStore,
  Effect.gen(function* () {
    const onSteadyClock = yield* steadily
    const store = yield* RateLimiter.RateLimiterStore
    return RateLimiter.RateLimiterStore.of({
      ...store,
      tokenBucket: (options) => onSteadyClock(store.tokenBucket(options))
    })
  })
).pipe(Layer.provide(RateLimiter.layerStoreMemory))

/** What the circuit breaker and the rate limit count, in memory, for this library alone. */
export const layer: Layer.Layer<CircuitBreaker.CircuitBreakerStore | RateLimiter.RateLimiter> = Layer.merge(
  breakers,
  Layer.provide(RateLimiter.layer, rates)
)
