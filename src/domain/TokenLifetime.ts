import { Duration, Option, Schema } from "effect"

/** Assumed for a token whose answer gives no lifetime that can be believed. */
export const fallback = Duration.minutes(55)

/** Shorter and longer lifetimes than these are not believed. The service is known to give 1 and 24 hours. */
const shortest = Duration.seconds(1)
const longest = Duration.hours(25)

const decode = Schema.decodeUnknownOption(
  Schema.Union([Schema.Finite, Schema.FiniteFromString]).check(
    Schema.isBetween({ minimum: Duration.toSeconds(shortest), maximum: Duration.toSeconds(longest) })
  )
)

/** How long a token lives by its `expires_in`, in seconds, which may be missing, zero, negative, absurd or no number. */
export const ofExpiresIn = (expiresIn: unknown): Duration.Duration =>
  Option.match(decode(expiresIn), { onNone: () => fallback, onSome: Duration.seconds })

/**
 * How long a token is used before the next one is fetched: until 60 s before its end, or for 80 % of a life so short
 * (under 5 minutes) that 60 s would be a large part of it.
 */
export const refreshAfter = (life: Duration.Duration): Duration.Duration =>
  Duration.max(Duration.subtract(life, Duration.seconds(60)), Duration.times(life, 0.8))
