import { assert, describe, it } from "@effect/vitest"
import canonicalize from "canonicalize"
import { Effect, Result, Schema } from "effect"
import { Digest } from "effect/crypto"
import { createHash } from "node:crypto"
import { AuditLine, type ReplayAuditRecord } from "../../src/index.ts"
import { genesis } from "../../src/domain/AuditLine.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import * as AuditChain from "../../src/services/AuditChain.ts"
import { record } from "./Support.ts"

type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [member: string]: Json }

/** RFC 8785 as its section 3.2 words it: what ECMAScript writes, members sorted by UTF-16 code units, no white space. */
const reference = (value: Json): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(reference).join(",")}]`
  const members = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${reference(member)}`).join(",")}}`
}

const bits = (hex: string): number => new DataView(new Uint8Array(Buffer.from(hex, "hex")).buffer).getFloat64(0)

/** RFC 8785, appendix B: the bits of a double, and how it is written. */
const numbers: ReadonlyArray<readonly [string, string]> = [
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["ffefffffffffffff", "-1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["c340000000000000", "-9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["44b52d02c7e14af7", "1.0000000000000001e+23"],
  ["444b1ae4d6e2ef4e", "999999999999999700000"],
  ["444b1ae4d6e2ef4f", "999999999999999900000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["41b3de4355555554", "333333333.33333325"],
  ["41b3de4355555555", "333333333.3333333"],
  ["41b3de4355555556", "333333333.3333334"],
  ["41b3de4355555557", "333333333.33333343"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"]
]

describe("canonical JSON", () => {
  it("writes the numbers of RFC 8785, appendix B", () => {
    for (const [hex, text] of numbers) assert.strictEqual(canonicalize(bits(hex)), text, hex)
    for (const hex of ["7fffffffffffffff", "7ff0000000000000"]) assert.throws(() => canonicalize(bits(hex)))
  })

  it("writes the object of RFC 8785, section 3.2.2, and sorts that of 3.2.3", () => {
    const shown = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`
    assert.strictEqual(
      canonicalize(JSON.parse(shown)),
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`
    )
    const sorted = canonicalize({
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis"
    })
    assert.deepStrictEqual(
      Array.from(String(sorted).matchAll(/:"(\w+)/g), ([, word]) => word),
      ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
    )
  })

  it.effect.prop("agrees with the rules for any JSON", [Schema.Json], ([json]) =>
    Effect.sync(() => {
      const text = JSON.stringify(json)
      // Half a surrogate pair is no text that UTF-8 can say, and refused.
      if (/\\ud[89a-f]/.test(text)) return assert.throws(() => canonicalize(json))
      const value: Json = JSON.parse(text)
      const canonical = canonicalize(value)
      assert.strictEqual(canonical, reference(value))
      assert.deepStrictEqual(JSON.parse(String(canonical)), value)
    })
  )
})

const AnyRecord = Schema.Struct({
  event_id: Schema.String,
  idempotency_key: Schema.NullOr(Schema.String),
  detail: Schema.String,
  latency_ms: Schema.Finite
})

/** The same record, with its members in the order the library makes them. */
const inOrder = (one: ReplayAuditRecord): ReplayAuditRecord => ({
  action: one.action,
  destination: one.destination,
  ...(one.detail === undefined ? {} : { detail: one.detail }),
  error_classification: one.error_classification,
  event_id: one.event_id,
  idempotency_key: one.idempotency_key,
  latency_ms: one.latency_ms,
  run_id: one.run_id,
  status: one.status,
  timestamp: one.timestamp
})

describe("AuditChain", () => {
  it.effect.prop(
    "a line is canonical JSON, hashed as its schema says, whatever the record holds",
    [AnyRecord],
    ([any]) =>
      Effect.gen(function* () {
        const digest = yield* Digest.Digest
        const canonical = yield* Effect.fromResult(AuditChain.canonical({ ...record(), ...any }))
        assert.deepStrictEqual(AuditChain.canonical(inOrder({ ...record(), ...any })), Result.succeed(canonical))
        const { head, lines } = yield* AuditChain.appender(digest)(genesis, [canonical])
        assert.isTrue(lines.endsWith("\n"))
        const line = lines.slice(0, -1)
        const { hash, ...content } = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(AuditLine))(line)
        assert.strictEqual(line, canonicalize({ hash, ...content }))
        assert.strictEqual(
          hash,
          createHash("sha256")
            .update(String(canonicalize(content)))
            .digest("hex")
        )
        assert.deepStrictEqual(head, { seq: 1, hash })
        const read = yield* AuditChain.read(digest, new TextEncoder().encode(line))
        assert.isTrue(Result.isSuccess(read))
      }).pipe(Effect.provide(NodeEventBridge.layer))
  )

  it.effect(
    "lines of one chain are hashed to their last byte, short ones after long ones, whatever is written in them",
    () =>
      Effect.gen(function* () {
        const append = AuditChain.appender(yield* Digest.Digest)
        let head = genesis
        for (const detail of ["", "\u20ac".repeat(800), "x", "\u{1f4ee}".repeat(3000), "\u00e9".repeat(900), "y"]) {
          const canonical = yield* Effect.fromResult(AuditChain.canonical({ ...record(), detail }))
          const added = yield* append(head, [canonical])
          const content = `{"prev":"${head.hash}","record":${canonical},"seq":${head.seq + 1}}`
          assert.strictEqual(added.head.hash, createHash("sha256").update(content, "utf8").digest("hex"))
          head = added.head
        }
      }).pipe(Effect.provide(NodeEventBridge.layer))
  )

  it.effect("chains that are written at once, by a digest that takes its time, do not mix", () =>
    Effect.gen(function* () {
      const digest = yield* Digest.Digest
      const slow: typeof digest = {
        ...digest,
        digestHex: (algorithm, data) => Effect.andThen(Effect.yieldNow, digest.digestHex(algorithm, data))
      }
      const chains = ["one", "another", "a third"].map((name) => {
        const records = Array.from({ length: 20 }, (_, index) => `{"chain":"${name}","n":${index}}`)
        return Effect.map(AuditChain.appender(slow)(genesis, records), ({ head, lines }) => {
          const expected = records.reduce((prev, one, index) => {
            const content = `{"prev":"${prev}","record":${one},"seq":${index + 1}}`
            return createHash("sha256").update(content).digest("hex")
          }, genesis.hash)
          assert.deepStrictEqual(head, { seq: records.length, hash: expected })
          assert.strictEqual(lines.split("\n").length, records.length + 1)
        })
      })
      yield* Effect.all(chains, { concurrency: "unbounded", discard: true })
    }).pipe(Effect.provide(NodeEventBridge.layer))
  )

  it("half a surrogate pair becomes U+FFFD, and what JSON cannot hold is refused, in whatever order the members are", () => {
    for (const each of [record, () => inOrder(record())]) {
      const text = Result.getOrThrow(AuditChain.canonical({ ...each(), event_id: "a\ud800b" }))
      assert.include(text, `"event_id":"a\ufffdb"`)
      assert.isTrue(Result.isFailure(AuditChain.canonical({ ...each(), latency_ms: Number.NaN })))
      assert.include(Result.getOrThrow(AuditChain.canonical({ ...each(), latency_ms: -0 })), `"latency_ms":0,`)
    }
  })
})
