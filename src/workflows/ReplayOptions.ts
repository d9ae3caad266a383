import { type Duration, Effect, Predicate, Result, Schema } from "effect"
import type { DeadLetter } from "../domain/DeadLetter.ts"
import { durationOf, Patience, Share } from "../domain/OptionRules.ts"
import { InvalidReplayOptions } from "../domain/ReplayError.ts"
import { RunOptions } from "../domain/RunCheckpoint.ts"
import { checkDestination } from "../services/DestinationGuard.ts"
import { EventBridgeConfig } from "../services/EventBridgeConfig.ts"
import { TopicId } from "../services/EventBridgeOptions.ts"
import { defaultPageSize } from "./DeadLetterQueue.ts"

/** Which letters of which topic a run replays, and how. */
export interface ReplayOptions {
  /** The configured topic by default. */
  readonly topicId?: string | undefined
  /** Only letters whose failure reason contains this. All by default. */
  readonly failureReason?: string | undefined
  /** Only letters this holds for. All by default. */
  readonly select?: ((letter: DeadLetter) => boolean) | undefined
  /** Stops after this many selected letters. All by default. */
  readonly limit?: number | undefined
  /**
   * Letters per page, at most. Default 50. Each page is requested with the token of the one before it, so pages are
   * read one at a time, however slow the service is. To send more letters at once than a page holds, use larger pages.
   */
  readonly pageSize?: number | undefined
  /** A letter is not replayed beyond this attempt. Default 5. */
  readonly maxAttempts?: number | undefined
  /** Deliver here instead of the letters' topic. The configured override by default, else none. */
  readonly destination?: string | undefined
  /**
   * Letters of the same key are sent one after the other, in queue order; different keys in parallel. `undefined` for a
   * letter that may go at any time. By default all may.
   */
  readonly orderBy?: ((letter: DeadLetter) => string | undefined) | undefined
  /**
   * What a letter that fails (rejected or exhausted) means for the later ones of its key: with `hold`, the default, they
   * are skipped as `HELD_BACK`, for a later run to replay in order; with `release` they are sent.
   */
  readonly orderOnFailure?: "hold" | "release" | undefined
}

/** Which run it is, and what may change each time it is resumed. */
export interface RunIdentity {
  /** Names the run. One that was cut off is resumed under its id; a new id is made by default. */
  readonly runId?: string | undefined
  /** Letters in flight at once; up to twelve times as many, and a page, are read ahead and in memory. Default 16. */
  readonly concurrency?: number | undefined
  /** How long letters in flight may take to finish when the run is stopped or halts. Default 10 s. */
  readonly gracePeriod?: Duration.Input | undefined
  /**
   * The run halts when more than this share of the letters failed (rejected or exhausted), of the last 1,000 sent and
   * from the 100th on. Default 0.5: a run survives a bad batch in the queue, while a wrong destination or a missing
   * permission, which fails nearly all letters, stops it before every letter has been tried in vain. 1 never halts.
   */
  readonly maxFailureShare?: number | undefined
}

export const defaultMaxFailureShare = 0.5
const defaultMaxAttempts = 5

/** The options of a run, complete and checked. */
export interface Selection {
  readonly options: RunOptions
  /** Whether the run is for this letter, judging by its content. */
  readonly includes: (letter: DeadLetter) => boolean
  /** The letter's `orderBy` key; `undefined` if it has none. */
  readonly keyOf: (letter: DeadLetter) => string | undefined
}

const noKey = () => undefined

/** A key taken from a payload may be of any type: equal ones become the same text, which a checkpoint keeps. */
const keyBy =
  (orderBy: (letter: DeadLetter) => unknown) =>
  (letter: DeadLetter): string | undefined => {
    const key = orderBy(letter)
    if (key === undefined || key === null) return undefined
    return typeof key === "object" ? JSON.stringify(key) : String(key)
  }

// Options also come from flags, files and untyped code: each is checked, whatever its type says.

const unless = (isRight: boolean, issue: string): ReadonlyArray<string> => (isRight ? [] : [issue])

const whole = (name: string, value: number, least: number): ReadonlyArray<string> =>
  unless(
    Number.isSafeInteger(value) && value >= least,
    `${name} must be a whole number of at least ${least}, not ${String(value)}`
  )

const isFilled = (value: string): boolean => Predicate.isString(value) && value.trim() !== ""

/** Each needs its own connection, and an address has some 28,000. */
const maxConcurrency = 10_000

/** Of an id as encoded in a file name, which may have 255 bytes at most. */
const maxRunIdLength = 240

const runIdIssues = (runId: string): ReadonlyArray<string> => {
  if (!isFilled(runId)) return ["runId must be a non-empty string"]
  // Each names a file: these two would name its folder, and half a surrogate pair nothing.
  if (runId === "." || runId === "..") return [`runId must not be "${runId}"`]
  if (!runId.isWellFormed()) return ["runId must not hold half a surrogate pair"]
  const { length } = encodeURIComponent(runId)
  return unless(
    length <= maxRunIdLength,
    `runId is too long: at most ${maxRunIdLength} letters and digits; other characters count for three or more`
  )
}

const isPatience = Schema.is(Patience)
const isShare = Schema.is(Share)
const isOnFailure = Schema.is(RunOptions.fields.orderOnFailure)

/** What is wrong with the options that say how a run is made, not which letters it is for. */
export const checkRun = ({
  concurrency = 1,
  gracePeriod = 0,
  maxFailureShare = defaultMaxFailureShare,
  runId = "run"
}: RunIdentity): ReadonlyArray<string> => [
  ...whole("concurrency", concurrency, 1),
  ...unless(!(concurrency > maxConcurrency), `concurrency must be at most ${maxConcurrency}, not ${concurrency}`),
  ...unless(isShare(maxFailureShare), `maxFailureShare must be from 0 to 1, not ${String(maxFailureShare)}`),
  ...unless(isPatience(durationOf(gracePeriod)), "gracePeriod must be a duration of 0 or more, such as 10 seconds"),
  ...runIdIssues(runId)
]

const decodeTopicId = Schema.decodeUnknownResult(TopicId)

const topicIssues = (topicId: string | undefined): ReadonlyArray<string> =>
  topicId === undefined
    ? ["topicId is missing: name the topic, or set CXONE_TOPIC_ID"]
    : Result.match(decodeTopicId(topicId), {
        onSuccess: () => [],
        onFailure: (error) => [`topicId ${error.message}`]
      })

/** What is wrong with the options that say which letters a run is for, except the topic and the destination. */
const checkSelection = ({
  failureReason,
  limit,
  maxAttempts = defaultMaxAttempts,
  orderBy,
  orderOnFailure = "hold",
  pageSize = defaultPageSize,
  select
}: ReplayOptions): ReadonlyArray<string> => [
  ...whole("pageSize", pageSize, 1),
  ...whole("maxAttempts", maxAttempts, 1),
  ...(limit === undefined ? [] : whole("limit", limit, 1)),
  // An unset variable of a script must not stand for every letter.
  ...unless(
    failureReason === undefined || isFilled(failureReason),
    "failureReason must be a non-blank string: nearly every reason contains a space"
  ),
  ...unless(select === undefined || Predicate.isFunction(select), "select must be a function"),
  ...unless(orderBy === undefined || Predicate.isFunction(orderBy), "orderBy must be a function"),
  ...unless(isOnFailure(orderOnFailure), 'orderOnFailure must be "hold" or "release"')
]

/** Completes the options from the configuration and checks them, the destination too. */
export const resolve = Effect.fnUntraced(function* (options: ReplayOptions, further: ReadonlyArray<string> = []) {
  const config = yield* EventBridgeConfig
  const topicId = options.topicId ?? config.topicId
  const issues = [...topicIssues(topicId), ...checkSelection(options), ...further]
  if (topicId === undefined || issues.length > 0) return yield* new InvalidReplayOptions({ issues })
  const override = options.destination ?? config.destination
  const destination = override === undefined ? null : yield* checkDestination(override, config.destinations)
  const { failureReason, limit, orderBy, select } = options
  return {
    options: {
      service: URL.parse(config.baseUrl)?.href.replace(/\/$/, "") ?? config.baseUrl,
      topicId,
      pageSize: options.pageSize ?? defaultPageSize,
      maxAttempts: options.maxAttempts ?? defaultMaxAttempts,
      destination,
      failureReason: failureReason ?? null,
      limit: limit ?? null,
      orderBy: orderBy !== undefined,
      orderOnFailure: (orderBy === undefined ? undefined : options.orderOnFailure) ?? "hold"
    },
    keyOf: orderBy === undefined ? noKey : keyBy(orderBy),
    includes: (letter: DeadLetter) =>
      (failureReason === undefined || (letter.failureReason ?? "").includes(failureReason)) &&
      (select === undefined || select(letter))
  }
})
