import canonicalize from "canonicalize"
import { Effect, Result, Schema } from "effect"
import { Digest } from "effect/crypto"
import * as AuditLine from "../domain/AuditLine.ts"
import type { AuditRecord } from "../domain/AuditRecord.ts"
import { maxBytesPerUnit } from "../domain/Utf8.ts"

const encoder = new TextEncoder()

const encode = (value: unknown): Result.Result<string, string> =>
  Result.flatMap(Result.try({ try: () => canonicalize(value), catch: String }), (text) =>
    text === undefined ? Result.fail("it is not JSON") : Result.succeed(text)
  )

const wellFormed = (record: AuditRecord): unknown =>
  Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, typeof value === "string" ? value.toWellFormed() : value])
  )

const isPlain = (value: unknown): boolean =>
  value === null || (typeof value === "string" ? value.isWellFormed() : Number.isFinite(value))

/**
 * RFC 8785 is how ECMAScript writes strings and numbers, with members sorted by name. The record of a letter is already
 * in that order, and need not be sorted again.
 */
const isCanonicalAsItIs = (record: AuditRecord): boolean => {
  let last = ""
  for (const name of Object.keys(record)) {
    if (name < last) return false
    last = name
  }
  return Object.values(record).every(isPlain)
}

/** A record as RFC 8785 JSON. Half a surrogate pair, which UTF-8 cannot encode, becomes U+FFFD. */
export const canonical = (record: AuditRecord): Result.Result<string, string> =>
  isCanonicalAsItIs(record)
    ? Result.succeed(JSON.stringify(record))
    : Result.orElse(encode(record), () => encode(wellFormed(record)))

/** Makes the lines that follow a head, each with its end, and the new head. One group of one chain at a time. */
export const appender = (digest: Digest.Digest["Service"]) => {
  // Shared by all lines: a buffer for each would cost as much as its hash.
  let buffer = new Uint8Array(1024)

  const utf8 = (text: string): Uint8Array => {
    const most = text.length * maxBytesPerUnit
    if (buffer.length < most) buffer = new Uint8Array(most)
    return buffer.subarray(0, encoder.encodeInto(text, buffer).written)
  }

  return (after: AuditLine.AuditHead, records: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      let head = after
      let lines = ""
      const append = (record: string) => {
        const content = AuditLine.contentAfter(head, record)
        return Effect.map(digest.digestHex(Digest.sha256, utf8(content)), (hash) => {
          lines += `${AuditLine.format(hash, content)}\n`
          head = { seq: head.seq + 1, hash }
        })
      }
      return Effect.map(Effect.forEach(records, append, { discard: true }), () => ({ lines, head }))
    })
}

const decodeLine = Schema.decodeUnknownResult(Schema.fromJsonString(AuditLine.AuditLine))

/** Reads a line and checks that its hash matches. Fails with a description of what is wrong. */
export const read = Effect.fnUntraced(function* (digest: Digest.Digest["Service"], bytes: Uint8Array) {
  const parts = AuditLine.split(bytes)
  if (parts === undefined) return Result.fail("it is not a line of an audit")
  const hash = yield* digest.digestHex(Digest.sha256, parts.content)
  if (hash !== parts.hash) return Result.fail("its content does not match its hash")
  return Result.mapError(decodeLine(AuditLine.text(bytes)), ({ message }) => `it holds no record: ${message}`)
})

/** Checks that a line follows a head. */
export const follows = ({ hash, seq }: AuditLine.AuditHead, line: AuditLine.AuditLine): Result.Result<void, string> => {
  if (line.seq !== seq + 1) {
    const what =
      seq === 0
        ? "the lines before it are missing, or in files that were not named"
        : "lines are missing, duplicated or moved"
    return Result.fail(`it is number ${line.seq} of the chain where ${seq + 1} was expected: ${what}`)
  }
  return line.prev === hash
    ? Result.void
    : Result.fail("it does not follow the line before it: its prev is not that line's hash")
}
