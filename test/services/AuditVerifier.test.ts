import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { Digest } from "effect/crypto"
import { genesis } from "../../src/domain/AuditLine.ts"
import { Audit, InvalidConfiguration } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import * as AuditChain from "../../src/services/AuditChain.ts"
import { record } from "./Support.ts"
import { contentOf, ids, seed, temporary, writeAll } from "./support/AuditFiles.ts"

const onNode = Effect.provide(NodeEventBridge.layer)

const size = 12
const encode = (text: string) => new TextEncoder().encode(text)

/** An audit of twelve lines, with text of more than one byte a character in it, and the head noted when it was written. */
const written = Effect.gen(function* () {
  const path = yield* temporary
  const head = yield* writeAll(
    path,
    ids(size).map((id) => record(id, "SUCCESS", `ü \ufffd 🎉 ${id}`))
  )
  return { path, head: head?.hash ?? "", bytes: encode(yield* contentOf(path)) }
})

/** Lines with their ends. */
const split = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const lines: Array<Uint8Array> = []
  let start = 0
  for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end + 1))
    start = end + 1
  }
  return lines
}

const join = (lines: ReadonlyArray<Uint8Array>): Uint8Array => Buffer.concat(lines)

/** The first line, counted from 1, that is not what it was. */
const firstDifference = (before: Uint8Array, after: Uint8Array): number => {
  const lines = split(after)
  const rest = after.subarray(join(lines).length)
  const all = rest.length === 0 ? lines : [...lines, rest]
  const at = split(before).findIndex((line, index) => Buffer.compare(line, all[index] ?? new Uint8Array()) !== 0)
  return (at === -1 ? size : at) + 1
}

type Edit = (bytes: Uint8Array, position: number, byte: number, other: number) => Uint8Array

const edits: Readonly<Record<string, Edit>> = {
  "a byte changed": (bytes, position, byte) => {
    const at = position % bytes.length
    return bytes.with(at, byte === bytes[at] ? (byte + 1) % 256 : byte)
  },
  "a byte taken out": (bytes, position) => {
    const at = position % bytes.length
    return join([bytes.subarray(0, at), bytes.subarray(at + 1)])
  },
  "a byte put in": (bytes, position, byte) => {
    const at = position % (bytes.length + 1)
    return join([bytes.subarray(0, at), new Uint8Array([byte]), bytes.subarray(at)])
  },
  "a line removed": (bytes, position) => join(split(bytes).toSpliced(position % size, 1)),
  "a line doubled": (bytes, position) => {
    const at = position % size
    const lines = split(bytes)
    return join(lines.toSpliced(at, 0, ...lines.slice(at, at + 1)))
  },
  "two lines swapped": (bytes, position, _byte, other) => {
    const lines = split(bytes)
    const one = position % size
    const two = (one + 1 + (other % (size - 1))) % size
    return join(lines.map((line, index) => lines[index === one ? two : index === two ? one : index] ?? line))
  },
  "cut off anywhere": (bytes, position) => bytes.subarray(0, position % bytes.length)
}

const Position = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))

describe("Audit.verify", () => {
  it.live("finds no fault in what was written, and says where it ends", () =>
    Effect.gen(function* () {
      const { head, path } = yield* written
      const whole = { lines: size, head, fault: null }
      assert.deepStrictEqual(yield* Audit.verify([path]), { ...whole, notedLine: null })
      assert.deepStrictEqual(yield* Audit.verify([path], { head }), { ...whole, notedLine: size })
      yield* writeAll(path, ["evt_13"])
      // What was written since is no fault: the noted head is still in the chain.
      assert.deepInclude(yield* Audit.verify([path], { head }), { lines: size + 1, notedLine: size, fault: null })
    }).pipe(onNode)
  )

  for (const [name, edit] of Object.entries(edits)) {
    it.effect.prop(`finds ${name}, and names the line`, [Position, Byte, Position], ([position, byte, other]) =>
      Effect.gen(function* () {
        const { bytes, head, path } = yield* written
        const edited = edit(bytes, position, byte, other)
        yield* seed(path, edited)
        const { fault, lines } = yield* Audit.verify([path], { head })
        const line = firstDifference(bytes, edited)
        assert.strictEqual(fault?.line, line, JSON.stringify(fault))
        assert.strictEqual(fault?.file, path)
        assert.strictEqual(lines, line - 1)
      }).pipe(Effect.scoped, onNode)
    )
  }

  it.live("a byte changed is found wherever it is in a line", () =>
    Effect.gen(function* () {
      const { bytes, path } = yield* written
      const [first, second] = split(bytes)
      const start = first?.length ?? 0
      for (let at = start; at < start + (second?.length ?? 0); at++) {
        yield* seed(path, bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8))))
        const { fault } = yield* Audit.verify([path])
        assert.strictEqual(fault?.line, 2, `byte ${at}: ${JSON.stringify(fault)}`)
      }
    }).pipe(onNode)
  )

  it.live("a tail cut at a line's end is shown by the noted head, and only by it", () =>
    Effect.gen(function* () {
      const { bytes, head, path } = yield* written
      yield* seed(path, join(split(bytes).slice(0, 9)))
      assert.isNull((yield* Audit.verify([path])).fault)
      const { fault } = yield* Audit.verify([path], { head })
      assert.strictEqual(fault?.line, 10)
      assert.include(fault?.problem, "lines were cut off")
    }).pipe(onNode)
  )

  it.live("a head is the same with white space around it, and in upper case", () =>
    Effect.gen(function* () {
      const { head, path } = yield* written
      const first = yield* writeAll(`${path}.2`, ["evt_1"])
      for (const noted of [`${head}\n`, ` ${head}\r\n`, head.toUpperCase()]) {
        assert.deepInclude(yield* Audit.verify([path], { head: noted }), { notedLine: size, fault: null })
      }
      yield* writeAll(`${path}.2`, ["evt_2"])
      const rest = (yield* contentOf(`${path}.2`)).split("\n").slice(1).join("\n")
      yield* seed(path, rest)
      const after = `${first?.hash.toUpperCase()}\n`
      assert.deepInclude(yield* Audit.verify([path], { after }), { lines: 1, fault: null })
    }).pipe(onNode)
  )

  it.live("something that is not a head is reported as that, not as missing lines", () =>
    Effect.gen(function* () {
      const { head, path } = yield* written
      for (const noted of ["", "null", head.slice(1), `${head}0`, head.replace(/./, "g")]) {
        for (const name of ["head", "after"]) {
          const error = yield* Effect.flip(Audit.verify([path], { [name]: noted }))
          assert.instanceOf(error, InvalidConfiguration)
          assert.strictEqual(
            error.message,
            `${name}: "${noted}" is not an audit head, which is SHA-256 in 64 hex digits: auditHead in the report of a run`
          )
        }
      }
    }).pipe(onNode)
  )

  it.live("a file that does not begin the chain is said to lack what came before it", () =>
    Effect.gen(function* () {
      const { bytes, path } = yield* written
      yield* seed(path, join(split(bytes).slice(2)))
      const { fault } = yield* Audit.verify([path])
      assert.strictEqual(
        fault?.problem,
        "it is number 3 of the chain where 1 was expected: the lines before it are missing, or in files that were not named"
      )
    }).pipe(onNode)
  )

  it.live("a line that was rewritten with a correct hash breaks the chain behind it", () =>
    Effect.gen(function* () {
      const { bytes, path } = yield* written
      yield* seed(path, join(split(bytes).slice(0, 3)))
      yield* writeAll(path, [{ ...record("evt_4"), status: "FAILED" }])
      const forged = encode(yield* contentOf(path))
      yield* seed(path, join([forged, ...split(bytes).slice(4)]))
      const { fault } = yield* Audit.verify([path])
      assert.strictEqual(fault?.line, 5)
      assert.include(fault?.problem, "its prev is not that line's hash")
    }).pipe(onNode)
  )

  it.live("a line whose number skips some is found, even when the chain starts from a given head", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const { hash } = genesis
      const append = AuditChain.appender(yield* Digest.Digest)
      const text = Result.getOrThrow(AuditChain.canonical(record("evt_1")))
      const first = yield* append({ seq: 4, hash }, [text])
      const second = yield* append({ seq: 6, hash: first.head.hash }, [text])
      yield* seed(path, first.lines + second.lines)
      const { fault, lines } = yield* Audit.verify([path], { after: hash })
      assert.deepStrictEqual([lines, fault?.line], [1, 2])
      assert.include(fault?.problem, "number 7 of the chain where 6 was expected")
    }).pipe(onNode)
  )

  it.live("a head that was noted before the first line is the beginning of the chain", () =>
    Effect.gen(function* () {
      const { head, path } = yield* written
      assert.deepInclude(yield* Audit.verify([path], { head: genesis.hash }), { notedLine: 0, fault: null })
      // Its number is known from the line behind it.
      yield* writeAll(path, ["evt_last"])
      yield* seed(path, (yield* contentOf(path)).split("\n").slice(size).join("\n"))
      assert.deepInclude(yield* Audit.verify([path], { after: head, head }), { lines: 1, notedLine: size, fault: null })
      yield* seed(path, "")
      const found = yield* Audit.verify([path], { after: head, head })
      assert.deepStrictEqual(found, { lines: 0, head: null, notedLine: 0, fault: null })
    }).pipe(onNode)
  )

  it.live("files in another order, or one of them missing, are found", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* writeAll(path, ids(6), { rotate: { bytes: 700 } })
      const folder = path.slice(0, path.lastIndexOf("/"))
      const [one, two] = [`${folder}/audit.000000000002.jsonl`, `${folder}/audit.000000000004.jsonl`]
      assert.isNull((yield* Audit.verify([one, two, path])).fault)
      assert.deepInclude((yield* Audit.verify([two, one, path])).fault, { file: two, line: 1 })
      assert.deepInclude((yield* Audit.verify([one, path])).fault, { file: path, line: 1 })
      assert.deepInclude((yield* Audit.verify([one, two, two])).fault, { file: two, line: 1 })
    }).pipe(onNode)
  )

  it.live("a file without a newline is not read into memory", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      yield* seed(path, new Uint8Array(6_000_000).fill(65))
      const { fault } = yield* Audit.verify([path])
      assert.deepInclude(fault, { line: 1, problem: "it is too long for a line of an audit" })
    }).pipe(onNode)
  )

  it.live("a file that cannot be read is an error, not a fault", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const error = yield* Effect.flip(Audit.verify([path]))
      assert.strictEqual(error._tag, "PlatformError")
      assert.include(error.message, path)
    }).pipe(onNode)
  )
})
