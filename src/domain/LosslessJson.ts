import { Result } from "effect"

// ECMAScript's "JSON.parse source text access", in every current engine and not yet in TypeScript's library.
declare global {
  interface JSON {
    rawJSON(text: string): { readonly rawJSON: string }
    isRawJSON(value: unknown): value is { readonly rawJSON: string }
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown
    ): unknown
  }
}

/**
 * JSON that comes back as it went in.
 *
 * `JSON.parse` rounds integers beyond 2^53, drops digits of long decimals, turns `1e400` into `Infinity` and loses the
 * sign of `-0` when written again. The members of an event are not ours to change, so numbers that a double cannot hold
 * are kept as `JSON.rawJSON` values, which `JSON.stringify` writes digit by digit.
 */

/**
 * Numbers that may not survive a double: more than 15 digits, an exponent, or a negative zero. 15 significant decimal
 * digits always survive (IEEE 754 binary64). It may also match inside a string, which only costs time.
 */
const atRisk = /[[:,]\s*-?(?:(?:\d\.?){16}|[\d.]+[eE]|(?<=-)0(?:\.0+)?(?![.\d]))/

/** A number with nothing before it. Not a branch of the pattern above, which would be tried at each character. */
const bareNumber = /^\s*-?\d/

const isAtRisk = /^-?(?:(?:\d\.?){16}|[\d.]+[eE])|^-0(?:\.0+)?$/

const keepDigits = (_key: string, value: unknown, context: { readonly source?: string }): unknown =>
  typeof value === "number" && context.source !== undefined && isAtRisk.test(context.source)
    ? JSON.rawJSON(context.source)
    : value

// A regular expression remembers each escape it has passed, and fails on a string with some millions of them: strings
// are read in parts with at most this many escapes.

/** From an escape up to the end of its string, or of a part of it, and the colon that makes it a name. */
const restOfString = /(?:\\.[^"\\]*){1,10000}(?:"(\s*:)?)?/y

/** Whether the name of a member is written with an escape. Looks at strings that have one, and at no others. */
const hasEscapedName = (text: string): boolean => {
  let escape = text.indexOf("\\")
  while (escape !== -1) {
    restOfString.lastIndex = escape
    const rest = restOfString.exec(text)
    if (rest === null) return false
    if (rest[1] !== undefined) return true
    escape = text.indexOf("\\", restOfString.lastIndex)
  }
  return false
}

/** A string or its first part; or a further part, which begins with an escape. Then its end, and the colon that makes it a name. */
const stringOrName = /((?:"[^"\\]*|(?=\\))(?:\\.[^"\\]*){0,10000})(?:(")(\s*:)?)?/g

const inHex = (unit: string): string => unit.charCodeAt(0).toString(16).padStart(4, "0")
const fromHex = (digits: string): string => String.fromCharCode(Number.parseInt(digits, 16))

/** A name that needs no escape, and from which the one it stands for can be told. */
const standIn = (name: string): string => (/["\\\p{Cc}]/u.test(name) ? `x${name.replace(/[^]/g, inHex)}` : `.${name}`)

const nameOf = (name: string): string => {
  if (name.startsWith("x")) return name.slice(1).replace(/.{4}/g, fromHex)
  return name.startsWith(".") ? name.slice(1) : name
}

/**
 * V8 13.6, that of Node 24, can mistake a member's name for another one it has seen in that place: a name that is
 * written with an escape for one with a backslash there. After some `{"a":0,"b\\":1}`, `{"a":0,"b\n":1}` comes back
 * with the first one's name. No spelling in escapes is safe, since all begin with a backslash. So where a name has an
 * escape, all are read under names that need none.
 */
const withStandIns = (text: string): string =>
  text.replace(stringOrName, (found, written: string, _end, colon: string | undefined) =>
    colon === undefined || !written.startsWith('"')
      ? found
      : `"${standIn(written.includes("\\") ? String(JSON.parse(`${written}"`)) : written.slice(1))}"${colon}`
  )

/** Replaces each value in what was parsed, from the outside in. Without recursion: deep nesting would take all the stack. */
const replaceEach = (parsed: unknown, replacement: (value: unknown) => unknown): unknown => {
  const root: { readonly value: unknown } = { value: parsed }
  const holders: Array<object> = [root]
  for (let holder = holders.pop(); holder !== undefined; holder = holders.pop()) {
    for (const [at, found] of Object.entries(holder)) {
      const value = replacement(found)
      if (value !== found) Reflect.set(holder, at, value)
      if (typeof value === "object" && value !== null && !JSON.isRawJSON(value)) holders.push(value)
    }
  }
  return root.value
}

/** As `JSON.parse` makes objects: `__proto__` is a member like any other. */
const renamed = (value: unknown): unknown =>
  typeof value !== "object" || value === null || Array.isArray(value) || JSON.isRawJSON(value)
    ? value
    : Object.fromEntries(Object.entries(value).map(([name, member]) => [nameOf(name), member]))

const stringNameOrNumber = new RegExp(`${stringOrName.source}|-?\\d[\\d.eE+-]*`, "g")

/**
 * `JSON.parse` accepts any nesting, but with a reviver it needs stack for each level: a few thousand are too many.
 * Numbers at risk pass through as strings; every string gets a last character that tells them apart.
 */
const readDeep = (text: string): unknown => {
  // If it fails, the position it reports is in the original text.
  JSON.parse(text)
  const marked = text.replace(
    stringNameOrNumber,
    (found, written: string | undefined, end: string | undefined, colon: string | undefined) => {
      if (written === undefined) return isAtRisk.test(found) ? `"${found}n"` : found
      return end === undefined || colon !== undefined ? found : `${written}s"`
    }
  )
  return replaceEach(JSON.parse(marked), (value) => {
    if (typeof value !== "string") return value
    const unmarked = value.slice(0, -1)
    return value.endsWith("n") ? JSON.rawJSON(unmarked) : unmarked
  })
}

const read = (text: string): unknown =>
  atRisk.test(text) || bareNumber.test(text)
    ? Result.getOrElse(
        Result.try(() => JSON.parse(text, keepDigits)),
        () => readDeep(text)
      )
    : JSON.parse(text)

/**
 * Parses JSON. Numbers that a double holds are numbers; others are `JSON.rawJSON` values (`JSON.isRawJSON` tells, their
 * `rawJSON` member has the digits). `JSON.stringify` writes both back. Fails with a message. As with `JSON.parse`,
 * members named like array indexes come first, and of members with the same name the last one counts: order and
 * repetition mean nothing in JSON.
 */
export const parse = (text: string): Result.Result<unknown, string> =>
  Result.try({
    try: (): unknown => {
      if (!hasEscapedName(text)) return read(text)
      // If it fails, the position it reports is in the original text.
      JSON.parse(text)
      return replaceEach(read(withStandIns(text)), renamed)
    },
    // The parser's own message quotes the text, which may hold a secret.
    catch: (error) => `it is not JSON${/ at position \d+/.exec(String(error))?.[0] ?? ""}`
  })
