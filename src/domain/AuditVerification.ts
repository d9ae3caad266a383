import { Schema } from "effect"
import { Hash } from "./AuditLine.ts"

/** Where an audit stops being whole. */
export const AuditFault = Schema.Struct({
  file: Schema.String,
  /** Counted from 1 within the file; one more than it has where a line is missing at its end. */
  line: Schema.Natural,
  problem: Schema.String
})
export type AuditFault = typeof AuditFault.Type

/**
 * What a check of audit files has found. A chain shows edits, gaps and moved lines. It does not show that lines were
 * cut off at its end, unless the head that was noted when they were written is at hand; nor that somebody has rewritten
 * all of it.
 */
export const AuditVerification = Schema.Struct({
  /** Lines that are whole, up to the first fault. */
  lines: Schema.Natural,
  /** Hash of the last of them; `null` when there is none. */
  head: Schema.NullOr(Hash),
  /** The line of the chain that the noted head belongs to; `null` when none was given, or it was not found. */
  notedLine: Schema.NullOr(Schema.Natural),
  /** The first one; `null` when there is none. */
  fault: Schema.NullOr(AuditFault)
})
export type AuditVerification = typeof AuditVerification.Type
