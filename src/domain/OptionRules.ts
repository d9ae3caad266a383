import { Duration, Option, Result, Schema, SchemaIssue } from "effect"
import { InvalidConfiguration } from "./InvalidConfiguration.ts"

/** A check, and what to say of a value that fails it. Never quotes the value, which may be a secret. */
export const rule = <A>(predicate: (value: A) => boolean, message: string) =>
  Schema.makeFilter<A>((value) => (predicate(value) ? undefined : message))

export const Positive = Schema.Number.check(
  rule((value) => Number.isSafeInteger(value) && value > 0, "must be a whole number above 0")
)

export const Share = Schema.Number.check(rule((value) => value >= 0 && value <= 1, "must be a share from 0 to 1"))

const duration = (isRight: (value: Duration.Duration) => boolean, message: string) =>
  Schema.Duration.annotate({ message }).check(rule(isRight, message))

export const Span = duration(
  (value) => Duration.isFinite(value) && Duration.isPositive(value),
  "must be a finite duration above 0, such as 30 seconds"
)

export const Pause = duration(
  (value) => Duration.isFinite(value) && !Duration.isNegative(value),
  "must be a finite duration of 0 or more, such as 10 seconds"
)

/** Waiting may be unlimited. */
export const Patience = duration(
  (value) => !Duration.isNegative(value),
  "must be a duration of 0 or more, such as 5 minutes"
)

/** A duration as options give it; `undefined` if it is not one. Effect reads what is not a number as 0. */
export const durationOf = (input: Duration.Input): Duration.Duration | undefined =>
  [input, ...Object.values(Object(input))].some(Number.isNaN)
    ? undefined
    : Option.getOrUndefined(Duration.fromInput(input))

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/** Checks options; fails with every issue there is, by the path of the option, without the index of a list entry. */
export const checker = <A>(rules: Schema.ConstraintDecoder<A>) => {
  const decode = Schema.decodeUnknownResult(rules, { errors: "all" })
  return (options: unknown): Result.Result<A, InvalidConfiguration> =>
    Result.mapError(decode(options), ({ issue }) => {
      const issues = formatIssues(issue).issues.map(({ message, path = [] }) => ({
        name: path.filter((key) => typeof key === "string").join("."),
        issue: message
      }))
      return new InvalidConfiguration({ issues })
    })
}
