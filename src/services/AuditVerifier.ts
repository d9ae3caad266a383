import { Effect, FileSystem, type PlatformError, Result, Schema, Stream } from "effect"
import { Digest } from "effect/crypto"
import { type AuditHead, genesis, maxBytes, NotedHash } from "../domain/AuditLine.ts"
import type { AuditFault, AuditVerification } from "../domain/AuditVerification.ts"
import { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import * as AuditChain from "./AuditChain.ts"

/** What `Audit.verify` checks the files against, besides themselves. Heads are SHA-256 in 64 hex digits. */
export interface VerifyOptions {
  /** The head noted when the audit was written, `auditHead` in a report: shows whether lines up to it were cut off. */
  readonly head?: string | undefined
  /** The head of the files before these, where those are kept elsewhere. By default the chain begins with these. */
  readonly after?: string | undefined
}

const newline = 10

const concat = (left: Uint8Array, right: Uint8Array): Uint8Array => {
  if (left.length === 0) return right
  const both = new Uint8Array(left.length + right.length)
  both.set(left)
  both.set(right, left.length)
  return both
}

const decodeNoted = Schema.decodeEffect(NotedHash)

/** What is not a hash matches no line, which would say nothing about the files. */
const readNoted = (name: keyof VerifyOptions, noted: string | undefined) =>
  noted === undefined
    ? Effect.undefined
    : Effect.mapError(decodeNoted(noted), () => {
        const issue = `${JSON.stringify(noted)} is not an audit head, which is SHA-256 in 64 hex digits: auditHead in the report of a run`
        return new InvalidConfiguration({ issues: [{ name, issue }] })
      })

/** Checks files line by line, in the order of their chain, up to the first fault. */
export const verify = Effect.fn("Audit.verify")(function* (
  files: ReadonlyArray<string>,
  options: VerifyOptions = {}
): Effect.fn.Return<
  AuditVerification,
  InvalidConfiguration | PlatformError.PlatformError,
  Digest.Digest | FileSystem.FileSystem
> {
  const fs = yield* FileSystem.FileSystem
  const digest = yield* Digest.Digest
  const noted = yield* readNoted("head", options.head)
  const after = yield* readNoted("after", options.after)
  let head: AuditHead = after === undefined ? genesis : { seq: 0, hash: after }
  let lines = 0
  let notedLine = noted === head.hash ? head.seq : undefined
  let fault: AuditFault | undefined

  const check = Effect.fnUntraced(function* (bytes: Uint8Array) {
    const read = yield* AuditChain.read(digest, bytes)
    if (Result.isFailure(read)) return read.failure
    const line = read.success
    // Its number in the whole chain depends on the files before these.
    const expected = lines === 0 && after !== undefined ? { ...head, seq: line.seq - 1 } : head
    const following = AuditChain.follows(expected, line)
    if (Result.isFailure(following)) return following.failure
    if (lines === 0 && noted === expected.hash) notedLine = expected.seq
    head = { seq: line.seq, hash: line.hash }
    lines++
    if (line.hash === noted) notedLine = line.seq
    return undefined
  })

  const checkFile = Effect.fnUntraced(function* (file: string) {
    let line = 1
    let rest: Uint8Array = new Uint8Array(0)
    const checkChunk = Effect.fnUntraced(function* (chunk: Uint8Array) {
      let start = 0
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        const problem = yield* check(concat(rest, chunk.subarray(start, end)))
        if (problem !== undefined) {
          fault = { file, line, problem }
          return false
        }
        line++
        start = end + 1
        rest = new Uint8Array(0)
      }
      rest = concat(rest, chunk.subarray(start))
      if (rest.length > maxBytes) fault = { file, line, problem: "it is too long for a line of an audit" }
      return fault === undefined
    })
    yield* Stream.runForEachWhile(fs.stream(file), checkChunk)
    if (fault === undefined && rest.length > 0) {
      fault = { file, line, problem: "it is incomplete: it was cut short, or is still being written" }
    }
    return line
  })

  let lastLine = 1
  for (const file of files) {
    lastLine = yield* checkFile(file)
    if (fault !== undefined) break
  }
  if (fault === undefined && noted !== undefined && notedLine === undefined) {
    fault = {
      file: files.at(-1) ?? "",
      line: lastLine,
      problem: `the noted head belongs to no line before this one: lines were cut off, or it is the head of another chain`
    }
  }
  return { lines, head: lines === 0 ? null : head.hash, notedLine: notedLine ?? null, fault: fault ?? null }
})
