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
 * digits always survive (IEEE 754 binary64). The pattern may also match inside a string, which costs time, not truth.
 */
const atRisk = /[[:,]\s*-?(?:(?:\d\.?){16}|[\d.]+[eE]|(?<=-)0(?:\.0+)?(?![.\d]))|^\s*-?[\d.]/

const isAtRisk = /^-?(?:(?:\d\.?){16}|[\d.]+[eE])|^-0(?:\.0+)?$/

const keepDigits = (_key: string, value: unknown, context: { readonly source?: string }): unknown =>
  typeof value === "number" && context.source !== undefined && isAtRisk.test(context.source)
    ? JSON.rawJSON(context.source)
    : value

/**
 * Parses JSON. Numbers that a double holds are numbers; others are `JSON.rawJSON` values (`JSON.isRawJSON` tells, their
 * `rawJSON` member has the digits). `JSON.stringify` writes both back. Fails with a message.
 */
export const parse = (text: string): Result.Result<unknown, string> =>
  Result.try({
    try: (): unknown => (atRisk.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text)),
    // The parser's own message quotes the text, which may be anybody's secret.
    catch: (error) => `it is not JSON${/ at position \d+/.exec(String(error))?.[0] ?? ""}`
  })
