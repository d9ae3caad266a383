import { Schema } from "effect"

/**
 * What a failure means, in the words of the service's operators. It stands in reports, in audit records and on metrics,
 * so the list is closed.
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
