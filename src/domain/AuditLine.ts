import { Schema, SchemaTransformation } from "effect"
import { AuditRecord } from "./AuditRecord.ts"
import { maxBytesPerUnit } from "./Utf8.ts"

/** SHA-256 in lower-case hex. */
export const Hash = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))

/** A hash as it comes back from where it was noted: with white space around it, or in upper case. */
export const NotedHash = Schema.String.pipe(
  Schema.decode(SchemaTransformation.trim()),
  Schema.decode(SchemaTransformation.toLowerCase()),
  Schema.decodeTo(Hash)
)

/** The end of a chain: all that is needed to continue it, and to show later that nothing before it is gone. */
export const AuditHead = Schema.Struct({
  /** Number of the last line, counted from 1 over all files of the chain; 0 before the first. */
  seq: Schema.Natural,
  /** Hash of the last line; zeros before the first. */
  hash: Hash
})
export type AuditHead = typeof AuditHead.Type

/** Where every chain begins. */
export const genesis: AuditHead = { seq: 0, hash: "0".repeat(64) }

/**
 * A line of an audit file. `hash` is SHA-256 over the RFC 8785 JSON, in UTF-8, of the other members, which is the line
 * itself without its `hash`; `prev` is the hash of the line before it.
 */
export const AuditLine = Schema.Struct({
  hash: Hash,
  prev: Hash,
  record: AuditRecord,
  seq: Schema.Natural
})
export type AuditLine = typeof AuditLine.Type

/** What is hashed: RFC 8785 sorts members by name. `record` is RFC 8785 JSON already. */
export const contentAfter = ({ hash, seq }: AuditHead, record: string): string =>
  `{"prev":"${hash}","record":${record},"seq":${seq + 1}}`

const beforeHash = `{"hash":"`
const afterHash = `",`
const contentStart = beforeHash.length + 64 + afterHash.length

/** A line, without its end. */
export const format = (hash: string, content: string): string => `${beforeHash}${hash}${afterHash}${content.slice(1)}`

const encoder = new TextEncoder()

/** The longest line, without its newline: records hold ids and a sentence. Whatever is longer is rejected unread. */
export const maxBytes = 4 * 1024 * 1024

const maxRecordBytes =
  maxBytes - format(genesis.hash, contentAfter({ ...genesis, seq: Number.MAX_SAFE_INTEGER - 1 }, "")).length

/** Whether a line has room for a record, which is RFC 8785 JSON already, whatever number the line will have. */
export const fits = (record: string): boolean =>
  record.length * maxBytesPerUnit <= maxRecordBytes || encoder.encode(record).length <= maxRecordBytes

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const frame = encoder.encode(format("0".repeat(64), "{"))

const isFramed = (line: Uint8Array): boolean =>
  line.length > contentStart &&
  frame.every((byte, index) => (index >= beforeHash.length && index < beforeHash.length + 64) || line[index] === byte)

/**
 * The hash a line claims, and the bytes it must be the hash of: the bytes as they are, so that any change shows, even one
 * that means the same in JSON.
 */
export const split = (line: Uint8Array): { readonly hash: string; readonly content: Uint8Array } | undefined => {
  if (!isFramed(line)) return undefined
  // A copy: the slice of a Node buffer would be the buffer itself.
  const content = new Uint8Array(line.subarray(contentStart - 1))
  content[0] = "{".charCodeAt(0)
  return { hash: decoder.decode(line.subarray(beforeHash.length, beforeHash.length + 64)), content }
}

/** Whether bytes can be the beginning of a line that a crash cut short. */
export const isBeginning = (bytes: Uint8Array): boolean =>
  encoder.encode(beforeHash).every((byte, index) => index >= bytes.length || bytes[index] === byte)

export const text = (bytes: Uint8Array): string => decoder.decode(bytes)
