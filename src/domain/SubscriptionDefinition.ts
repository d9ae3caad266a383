import { Array as Arr, Option, Result, Schema, SchemaIssue } from "effect"
import { rule } from "./OptionRules.ts"
import { InvalidSubscription } from "./SubscriptionError.ts"

/** The words a definition may use beyond free text. The service may know more than this library: a caller can add some. */
export interface Vocabulary {
  readonly eventTypes: ReadonlyArray<string>
  readonly operators: ReadonlyArray<string>
}

/** The event types of the contract, and the operators that filters usually have. */
export const defaultVocabulary: Vocabulary = {
  eventTypes: ["contact.created", "contact.updated", "interaction.completed", "queue.event"],
  operators: ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "contains", "startsWith", "endsWith", "exists"]
}

/** Half of a surrogate pair is not a character: it cannot be sent, nor hashed into a key. */
const AnyText = Schema.String.check(
  rule(
    (value) => value.isWellFormed(),
    "must not hold half a surrogate pair (\\ud800 to \\udfff without the other half)"
  )
)
const Text = AnyText.check(rule((value) => value.trim() !== "", "must not be empty"))
/** A subscription is found again by its name, so it has to come back in these very characters. */
const Name = Text.check(
  rule((value) => value.trim() === value, "must not begin or end with whitespace, which the service may drop"),
  rule((value) => value.normalize("NFC") === value, "must be in Unicode's form NFC, into which the service may turn it")
)
const spelling = (name: string): string => name.normalize("NFC").trim().toLowerCase()

/** Whether a service that normalizes names may take these for the same. */
export const isSameName = (one: string, other: string): boolean => spelling(one) === spelling(other)

const HttpsUrl = AnyText.check(
  rule((value) => URL.parse(value)?.protocol === "https:", "must be an https URL"),
  rule((value) => {
    const url = URL.parse(value)
    return url === null || (url.username === "" && url.password === "")
  }, "must not carry credentials, which all who may read the subscription would see"),
  // URL parsers silently drop these, each in its own way.
  rule(
    (value) => value.trim() === value && !/\p{Cc}/u.test(value),
    "must not hold control characters, or whitespace around it"
  )
)
const wordOf = (words: ReadonlyArray<string>) =>
  AnyText.check(rule((value) => words.includes(value), `must be one of ${words.join(", ")}`))

/** An integer that a double cannot hold was rounded before it got here. */
const ExactNumber = Schema.Finite.check(
  rule(
    (value) => !Number.isInteger(value) || Number.isSafeInteger(value),
    "is an integer of 2^53 or more, which would be sent rounded: write it as a string, if the service accepts one"
  )
)
const Scalar = Schema.Union([AnyText, ExactNumber, Schema.Boolean])

const NotNegative = Schema.Int.check(rule((value) => value >= 0, "must be at least 0"))

const delays = Schema.makeFilter<{ readonly initialDelayMs: number; readonly maxDelayMs: number }>(
  ({ initialDelayMs, maxDelayMs }) =>
    initialDelayMs > maxDelayMs
      ? { path: ["initialDelayMs"], issue: `must be at most maxDelayMs, which is ${maxDelayMs}` }
      : undefined
)

const RetryConfiguration = Schema.Struct({
  maxRetries: NotNegative,
  backoffStrategy: Schema.Literals(["exponential", "linear"]),
  initialDelayMs: NotNegative,
  maxDelayMs: Schema.Int
}).check(delays)

const endpointCount = rule<ReadonlyArray<unknown>>(
  ({ length }) => length >= 1 && length <= 10,
  "must be 1 to 10 endpoints"
)

/** The rules of a definition, for the words it may use. */
const rulesOf = (eventType: typeof Text, operator: typeof Text) =>
  Schema.Struct({
    name: Name,
    description: AnyText,
    eventType,
    /** All must hold for an event to be delivered. Absent means all events. */
    filters: Schema.optionalKey(
      Schema.Array(Schema.Struct({ field: Text, operator, value: Schema.Union([Scalar, Schema.Array(Scalar)]) }))
    ),
    endpoints: Schema.Array(Schema.Struct({ url: HttpsUrl, type: Schema.Literals(["webhook", "queue"]) })).check(
      endpointCount
    ),
    deadLetterQueue: Schema.Struct({
      enabled: Schema.Boolean,
      endpointUrl: Schema.optionalKey(HttpsUrl),
      retentionDays: Schema.optionalKey(Schema.Int.check(rule((value) => value >= 1, "must be at least 1")))
    }),
    retryConfiguration: RetryConfiguration
  })

/**
 * A subscription as it should be: what is sent to the service. The wire accepts any event type and operator;
 * `validator` checks which are known, by the caller's vocabulary.
 */
export const SubscriptionDefinition = rulesOf(Text, Text)
export type SubscriptionDefinition = typeof SubscriptionDefinition.Type

type Issues = InvalidSubscription["issues"]

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

const pathText = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> = []): string =>
  path
    .map((part) => (typeof part === "object" ? part.key : part))
    .reduce<string>((text, key) => {
      if (typeof key === "number") return `${text}[${key}]`
      return text === "" ? String(key) : `${text}.${String(key)}`
    }, "")

/** The parser's own terms, in words for whoever wrote the file. */
const inWords = (message: string): string => {
  if (message === "Missing key") return "is missing"
  return message === "Expected no excess property" ? "is not a member of a definition" : message
}

/** Rules about several values at once. The parser comes to them only if each of the values is valid by itself. */
const decodeWholes = [
  Schema.Struct({ endpoints: Schema.Array(Schema.Unknown).check(endpointCount) }),
  Schema.Struct({
    retryConfiguration: Schema.Struct({ initialDelayMs: Schema.Finite, maxDelayMs: Schema.Finite }).check(delays)
  })
].map((whole: Schema.ConstraintDecoder<unknown>) => Schema.decodeUnknownResult(whole))

const decodeName = Schema.decodeUnknownOption(Schema.Struct({ name: Schema.String }))

/** A definition is found again by its name, so names must differ, those of definitions with other issues too. */
const repeatedNames = (inputs: ReadonlyArray<unknown>): Issues => {
  const names = inputs.map((input) => Option.getOrUndefined(decodeName(input))?.name)
  return names.flatMap((name, index) => {
    const first = names.indexOf(name)
    return name === undefined || first === index
      ? []
      : [{ path: `[${index}].name`, issue: `is the name of [${first}] as well` }]
  })
}

const issuesOf = ({ issue }: Schema.SchemaError): Issues =>
  formatIssues(issue).issues.map(({ message, path }) => ({ path: pathText(path), issue: inWords(message) }))

/** Checks definitions under a vocabulary. Each failure holds every issue with its path. */
export const validator = ({ eventTypes, operators }: Vocabulary) => {
  const rules = rulesOf(wordOf(eventTypes), wordOf(operators))
  // A misspelt member would be silently dropped, and with it perhaps a filter: unknown members are issues.
  const options = { errors: "all", onExcessProperty: "error" } as const
  const decode = Schema.decodeUnknownResult(rules, options)
  const one = (input: unknown): Result.Result<SubscriptionDefinition, InvalidSubscription> =>
    Result.mapError(decode(input), (error) => {
      const parts = issuesOf(error)
      const wholes = decodeWholes.flatMap((decodeWhole) =>
        Result.match(decodeWhole(input), {
          onSuccess: () => [],
          onFailure: issuesOf
        })
      )
      const isNew = ({ path }: Issues[number]) => parts.every((part) => part.path !== path)
      return new InvalidSubscription({ issues: [...parts, ...wholes.filter(isNew)] })
    })
  return {
    one,
    /** Paths begin with the position: `[1].endpoints[0].url`. */
    all: (inputs: unknown): Result.Result<ReadonlyArray<SubscriptionDefinition>, InvalidSubscription> => {
      if (!Array.isArray(inputs)) {
        return Result.fail(new InvalidSubscription({ issues: [{ path: "", issue: "Expected array" }] }))
      }
      const [definitions, failures] = Arr.partition(inputs, (input, index) =>
        Result.mapError(one(input), ({ issues }) =>
          issues.map(({ issue, path }) => ({ path: path === "" ? `[${index}]` : `[${index}].${path}`, issue }))
        )
      )
      const issues = [...failures.flat(), ...repeatedNames(inputs)]
      return issues.length === 0 ? Result.succeed(definitions) : Result.fail(new InvalidSubscription({ issues }))
    }
  }
}
