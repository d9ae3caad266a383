/**
 * The idempotency key of a letter's replay: one for each time the service itself has counted a retry, so that our own
 * tries, resumed runs and other machines all repeat the same key.
 */
export const make = (eventId: string, currentAttempt: number): string => `replay-${eventId}-v${currentAttempt}`

/**
 * The key as an `Idempotency-Key` header. A header holds printable ASCII only; any other character is percent-encoded as
 * UTF-8. Half a surrogate pair, which UTF-8 cannot encode, becomes U+FFFD.
 */
export const toHeader = (key: string): string =>
  key.toWellFormed().replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character))
