import { Schema } from "effect"

/**
 * What a failure means, in the words of the service's operators. Reports, audit records and metrics use it, so the list is
 * closed.
 */
export const Classification = Schema.Literals([
  "SCHEMA_VIOLATION",
  "UNAUTHORIZED",
  "FORBIDDEN",
  "NOT_FOUND",
  "TIMEOUT",
  "DUPLICATE_DETECTED",
  "PAYLOAD_TOO_LARGE",
  "RATE_LIMITED",
  "SERVER_TRANSIENT",
  "NETWORK",
  "MALFORMED_RESPONSE",
  "UNKNOWN_FAILURE",
  "MAX_RETRIES_EXCEEDED"
])

export type Classification = typeof Classification.Type
