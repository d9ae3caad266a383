import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { LosslessJson } from "../../src/index.ts"

const parse = (text: string): unknown => Result.getOrThrow(LosslessJson.parse(text))
const again = (text: string): string => JSON.stringify(parse(text))

const decimal = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** One spelling for each value: sign, digits without zeros at either end, power of ten. */
const normalForm = (literal: string): string => {
  const [, sign = "", whole = "", fraction = "", power = "0"] = decimal.exec(literal) ?? []
  const digits = (whole + fraction).replace(/^0+/, "")
  const significant = digits.replace(/0+$/, "")
  if (significant === "") return `${sign}0`
  return `${sign}${significant}e${BigInt(power) - BigInt(fraction.length) + BigInt(digits.length - significant.length)}`
}

/** The tokens of a JSON text, each in its normal form. */
const tokens = (text: string): ReadonlyArray<string> =>
  (text.match(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[a-z]+|[[\]{}:,]/g) ?? []).map((token) => {
    if (token.startsWith('"')) return JSON.stringify(JSON.parse(token))
    return decimal.test(token) ? normalForm(token) : token
  })

const Digits = (most: number) =>
  Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))).check(Schema.isMaxLength(most))

const Decimal = Schema.Struct({
  sign: Schema.Literals(["", "-"]),
  whole: Digits(25),
  fraction: Digits(40),
  power: Schema.Literals(["", "e0", "E-7", "e+21", "e400", "E-400", "e-330", "e308"])
})

type Tree =
  | typeof Decimal.Type
  | string
  | boolean
  | null
  | ReadonlyArray<Tree>
  | { readonly members: ReadonlyArray<readonly [string, Tree]> }

const Subtree = Schema.suspend((): Schema.Codec<Tree> => Tree)
const Tree: Schema.Codec<Tree> = Schema.Union([
  Decimal,
  Schema.String,
  Schema.Boolean,
  Schema.Null,
  Schema.Array(Subtree),
  Schema.Struct({ members: Schema.Array(Schema.Tuple([Schema.String, Subtree])) })
])

const literal = ({ fraction, power, sign, whole }: typeof Decimal.Type): string => {
  const integer = whole.join("").replace(/^0+(?=.)/, "") || "0"
  return `${sign}${integer}${fraction.length === 0 ? "" : `.${fraction.join("")}`}${power}`
}

/** Names are made different from each other and unlike array indexes, which JavaScript would put first. */
const write = (tree: Tree, gap: string): string => {
  if (tree === null || typeof tree === "boolean" || typeof tree === "string") return JSON.stringify(tree)
  if ("sign" in tree) return literal(tree)
  if ("members" in tree) {
    const members = tree.members.map(
      ([name, value], index) =>
        `${JSON.stringify(index === 0 ? "__proto__" : `m${index}${name}`)}${gap}:${gap}${write(value, gap)}`
    )
    return `{${members.join(`${gap},${gap}`)}}`
  }
  return `[${gap}${tree.map((item) => write(item, gap)).join(`${gap},${gap}`)}${gap}]`
}

describe("LosslessJson", () => {
  it.each([
    "12345678901234567890",
    "-12345678901234567890",
    "0.1000000000000000055511151231257827",
    "1e400",
    "-1E-400",
    "5e-324",
    "-0",
    "-0.0",
    "-0e0",
    "9007199254740993",
    "1234567890.1234567",
    "0.00000000000000000001"
  ])("writes %s back digit by digit, wherever it stands", (number) => {
    assert.strictEqual(again(number), number)
    assert.strictEqual(again(` ${number} `), number)
    assert.strictEqual(again(`[${number}]`), `[${number}]`)
    assert.strictEqual(again(`[1,\n\t${number}]`), `[1,${number}]`)
    assert.strictEqual(again(`{"a" : ${number}, "b":[{"c":${number}}]}`), `{"a":${number},"b":[{"c":${number}}]}`)
  })

  it("keeps lone surrogates and members named __proto__", () => {
    assert.strictEqual(again('"\\ud800"'), '"\\ud800"')
    const withProto = '{"__proto__":{"polluted":1},"a":1}'
    assert.strictEqual(again(withProto), withProto)
    const withBoth = '{"__proto__":{"polluted":12345678901234567890}}'
    assert.strictEqual(again(withBoth), withBoth)
    assert.notProperty({}, "polluted")
  })

  it.each(["n", "u0000", "u000a", '"', "\\", "/"])(
    "mistakes no member's name with the escape %j for another one",
    (escape) => {
      // Names with a backslash where the others have an escape: V8 13.6 takes one for the other once it has seen it often.
      for (let times = 0; times < 5; times++) {
        parse(String.raw`{"q":0,"m1\\":1}`)
        parse(String.raw`{"q":0,"m1\\n":1}`)
      }
      const name: unknown = JSON.parse(`"m1\\${escape}"`)
      for (const after of ["", "n", "nn"]) {
        const text = `{"q":0,"m1\\${escape}${after}":[1e400,{"m1\\${escape}":"\\n"}]}`
        assert.deepStrictEqual(Object.keys(Object(parse(text))), ["q", `${String(name)}${after}`])
        assert.strictEqual(
          again(text),
          JSON.stringify({ q: 0, [`${String(name)}${after}`]: [JSON.rawJSON("1e400"), { [String(name)]: "\n" }] })
        )
      }
    }
  )

  it("mistakes no name for another one, whichever they are and in whatever order they come", () => {
    const units = ["\\", '"', "u", "0", "\n", "/", "."]
    const pairs = units.flatMap((one) => units.map((other) => one + other))
    const names = [...units, ...pairs, "__proto__", "\\u0022", "\\u005", "x005c", ".a", "1", ""]
    for (const first of names) {
      for (const second of names) {
        for (const name of [first, second]) {
          const read = parse(`{"a":[0],${JSON.stringify(name)}:{"b":1}}`)
          assert.deepStrictEqual(Object.keys(Object(read)).toSorted(), ["a", name].toSorted())
        }
      }
    }
    assert.strictEqual(
      again(String.raw`{"\"":1,"2":{"__proto__":[1e400,{"\n":-0}]},"1":{}}`),
      String.raw`{"1":{},"2":{"__proto__":[1e400,{"\n":-0}]},"\"":1}`
    )
    assert.strictEqual(again(String.raw`{"a":1,"\u0061":2,"a":3,"\"":4}`), String.raw`{"a":3,"\"":4}`)
  })

  it("reads a string of millions of escapes, as JSON.parse does, and an escaped name beside it", () => {
    const text = String.raw`{"a":"${String.raw`\n`.repeat(6_000_000)}","b\n":[1e400,"\\"]}`
    assert.isTrue(again(text) === text)
  })

  it("takes such a string beside digits to keep and a nesting too deep for a reviver", () => {
    const string = `"${String.raw`\n\"`.repeat(3_000_000)}"`
    const value: unknown = parse(`[${"[".repeat(100_000)}${"]".repeat(100_000)},1e400,${string}]`)
    assert.isTrue(JSON.stringify(Object(value).slice(1)) === `[1e400,${string}]`)
  })

  it.each([9_999, 10_000, 10_001, 20_000])("reads names and strings of %d escapes", (escapes) => {
    const written = Array.from({ length: escapes }, (_, index) => ["\\n", '\\"', "\\\\", "\\u003a:"][index % 4]).join(
      ""
    )
    const text = `{"${written}" : {"b\\n":"${written}"},"c":["${written}", "${written}:"]}`
    assert.deepStrictEqual(parse(text), JSON.parse(text))
  })

  it.each(['{"a\\n":1,"b":}', '{"a":1,"b\\q":2}', '{"a\\n":1} x'])(
    "reports where %j is wrong in the original text",
    (text) => {
      const plain = Result.try({ try: () => String(JSON.parse(text)), catch: String })
      const position = / at position \d+/.exec(Result.merge(plain))
      assert.deepStrictEqual(LosslessJson.parse(text), Result.fail(`it is not JSON${position?.[0] ?? ""}`))
    }
  )

  it.each([5_000, 100_000])("keeps digits beside and within a nesting of %d levels", (depth) => {
    const inner = String.raw`{"__proto__":1e400,"s":"n1\"","n":"-0","1":[0.5,-0,null,true,{}]}`
    const opening = '{"a":['.repeat(depth)
    const text = `[12345678901234567890,"s12345678901234567890",${opening}${inner}${"]}".repeat(depth)}]`
    let value: unknown = parse(text)
    assert.strictEqual(JSON.stringify(Object(value).slice(0, 2)), text.slice(0, text.indexOf(',{"a"')) + "]")
    value = Object(value)[2]
    for (let level = 0; level < depth; level++) value = Object(value).a[0]
    assert.strictEqual(JSON.stringify(value), JSON.stringify(parse(inner)))
    assert.deepStrictEqual(LosslessJson.parse(`${text}x`), Result.fail(`it is not JSON at position ${text.length}`))
  })

  it("gives plain numbers where a double holds the value", () => {
    const text = "[0,1,-1,0.5,-0.05,123456789012345,1.25,-20]"
    assert.deepStrictEqual(parse(text), [0, 1, -1, 0.5, -0.05, 123456789012345, 1.25, -20])
    assert.deepStrictEqual(parse("[0.25, 12345678901234567890]"), [0.25, JSON.rawJSON("12345678901234567890")])
  })

  it("distinguishes kept numbers from objects that look like them", () => {
    assert.isTrue(JSON.isRawJSON(parse("1e400")))
    assert.isFalse(JSON.isRawJSON(parse('{"rawJSON":"1e400"}')))
  })

  it("is not misled by digits in strings", () => {
    const text = '{"a":",12345678901234567890","b":":-0","c":"1e400"}'
    assert.strictEqual(again(text), text)
  })

  it.each(["", "{", '{"a":}', "[1,]", "01", "-", "nul", "<html>", '{"a":12345678901234567890'])(
    "fails with a message on %j",
    (text) => {
      const result = LosslessJson.parse(text)
      assert.isTrue(Result.isFailure(result) && result.failure.length > 0)
    }
  )

  it.prop(
    "any JSON comes back with the values it had",
    [Tree, Schema.Literals(["", " ", "\n  "])],
    ([tree, gap]) => {
      const text = write(tree, gap)
      assert.deepStrictEqual(tokens(again(text)), tokens(text))
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "any number comes back with the value it had",
    [Decimal],
    ([number]) => {
      assert.strictEqual(normalForm(again(literal(number))), normalForm(literal(number)))
      assert.deepStrictEqual(tokens(again(`[0,${literal(number)}]`)), tokens(`[0,${literal(number)}]`))
    },
    { arbitrary: { runs: 2000 } }
  )
})
