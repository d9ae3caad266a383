import { Effect, FileSystem, type PlatformError, Result, Stream } from "effect"
import type { Digest } from "effect/crypto"
import * as AuditLine from "../domain/AuditLine.ts"
import * as AuditChain from "./AuditChain.ts"

/** How an audit file ends. */
export interface AuditTail {
  /** Bytes of whole lines. */
  readonly size: number
  /** Absent when it holds no whole line. */
  readonly head: AuditLine.AuditHead | undefined
  /** What a crash left of a line behind the last whole one. */
  readonly torn: Uint8Array | undefined
}

const newline = 10

/** Lines are a few hundred bytes long; if one is longer, more is read. */
const firstWindow = 64 * 1024

/** Far more than the longest line and what a crash may leave behind it: a file without a line in it is not read further. */
const lastWindow = 8 * AuditLine.maxBytes

const notAnAudit = "it holds something other than an audit"

const readFrom = Effect.fnUntraced(function* (path: string, offset: number) {
  const fs = yield* FileSystem.FileSystem
  const chunks = yield* Stream.runCollect(fs.stream(path, { offset }))
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
})

/** Finds the end of a chain, to append to it. Fails with a description if the file holds anything else. Read-only. */
export const read = Effect.fnUntraced(function* (
  path: string,
  size: number,
  digest: Digest.Digest["Service"],
  window = firstWindow
): Effect.fn.Return<Result.Result<AuditTail, string>, PlatformError.PlatformError, FileSystem.FileSystem> {
  const offset = Math.max(0, size - window)
  const bytes = yield* readFrom(path, offset)
  const end = bytes.lastIndexOf(newline)
  const before = end <= 0 ? -1 : bytes.lastIndexOf(newline, end - 1)
  if (offset > 0 && before === -1) {
    return window < lastWindow
      ? yield* read(path, size, digest, Math.min(window * 8, lastWindow))
      : Result.fail(notAnAudit)
  }

  const rest = bytes.subarray(end + 1)
  const torn = rest.length === 0 ? undefined : rest
  if (end === -1) {
    return torn === undefined || AuditLine.isBeginning(torn)
      ? Result.succeed({ size: 0, head: undefined, torn })
      : Result.fail(notAnAudit)
  }
  return Result.mapBoth(yield* AuditChain.read(digest, bytes.subarray(before + 1, end)), {
    onSuccess: ({ hash, seq }) => ({ size: offset + end + 1, head: { seq, hash }, torn }),
    onFailure: (problem) => `its last line cannot be continued: ${problem}`
  })
})
