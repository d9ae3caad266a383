import { Duration, Result, Schema } from "effect"

/** The kinds of faults that come at random. */
export const faultKinds = [
  "429",
  "5xx",
  "reset-before",
  "reset-after",
  "slow",
  "truncated",
  "malformed",
  "revoke"
] as const
export type FaultKind = (typeof faultKinds)[number]

/** How often a kind comes, as a share of requests from 0 to 1, and for how long where that means something. */
export interface FaultRate {
  readonly rate: number
  /** The pause that 429 asks for (default 1 s), or the delay of `slow` (default 500 ms). */
  readonly duration?: Duration.Duration | undefined
}

/** Every request is reset or answered 503 from `after` the first request on, `for` as long. */
export interface Outage {
  readonly after: Duration.Duration
  readonly for: Duration.Duration
}

/**
 * What goes wrong and how often. A request suffers one fault at most, so the rates add up to 1 at most. Whether it does
 * depends on the seed, the route, the key and the attempt alone.
 */
export interface FaultPlan {
  readonly seed: number
  readonly rates: Partial<Record<FaultKind, FaultRate>>
  readonly outage?: Outage | undefined
}

/** Nothing goes wrong. */
export const none: FaultPlan = { seed: 1, rates: {} }

/** A few of every kind that costs a client little: for demonstrations. */
export const few: FaultPlan = {
  seed: 1,
  rates: {
    "429": { rate: 0.01 },
    "5xx": { rate: 0.02 },
    "reset-before": { rate: 0.01 },
    "reset-after": { rate: 0.01 },
    slow: { rate: 0.02, duration: Duration.millis(100) },
    truncated: { rate: 0.005 },
    revoke: { rate: 0.002 }
  }
}

/** Every kind, a few percent each, and an outage of 2 s that begins 1 s after the first request. */
export const all: FaultPlan = {
  seed: 1,
  rates: {
    "429": { rate: 0.03 },
    "5xx": { rate: 0.04 },
    "reset-before": { rate: 0.03 },
    "reset-after": { rate: 0.03 },
    slow: { rate: 0.03 },
    truncated: { rate: 0.02 },
    malformed: { rate: 0.02 },
    revoke: { rate: 0.005 }
  },
  outage: { after: Duration.seconds(1), for: Duration.seconds(2) }
}

const presets: Readonly<Record<string, FaultPlan>> = { none, few, all }

const known = `known are seed=N, the presets ${Object.keys(presets).join(", ")}, outage=AFTER+LENGTH and ${faultKinds
  .map((kind) => `${kind}=RATE`)
  .join(", ")} (429 and slow also take a duration: 429=0.05:2s)`

/** A fault specification that cannot be read: which part of it, and why. */
export class FaultSpecError extends Schema.TaggedError<FaultSpecError>()("FaultSpecError", {
  part: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `faults: "${this.part}" ${this.problem}; ${known}`
  }
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

const parseDuration = (text: string): Duration.Duration | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text)
  return match === null ? undefined : Duration.millis(Number(match[1]) * (units[match[2] ?? ""] ?? 1))
}

const parseRate = (text: string): number | undefined => {
  const rate = /^(?:\d+(?:\.\d*)?|\.\d+)(?:e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN
  return rate >= 0 && rate <= 1 ? rate : undefined
}

const isKind = (name: string): name is FaultKind => faultKinds.some((kind) => kind === name)

type Setting = (plan: FaultPlan) => FaultPlan

const fail = (part: string, problem: string) => Result.fail(new FaultSpecError({ part, problem }))

const parseKind = (part: string, kind: FaultKind, value: string): Result.Result<Setting, FaultSpecError> => {
  const colon = value.indexOf(":")
  const rate = parseRate(colon === -1 ? value : value.slice(0, colon))
  if (rate === undefined) return fail(part, "needs a rate from 0 to 1")
  if (colon === -1) return Result.succeed(withRate(kind, { rate }))
  if (kind !== "429" && kind !== "slow") return fail(part, "takes no duration")
  const duration = parseDuration(value.slice(colon + 1))
  return duration === undefined
    ? fail(part, "needs its duration as a number of ms, s or m after the colon")
    : Result.succeed(withRate(kind, { rate, duration }))
}

const withRate =
  (kind: FaultKind, rate: FaultRate): Setting =>
  (plan) => ({
    ...plan,
    rates: { ...plan.rates, [kind]: rate }
  })

const parseOutage = (part: string, value: string): Result.Result<Setting, FaultSpecError> => {
  const [after, length, ...rest] = value.split("+").map(parseDuration)
  if (after === undefined || length === undefined || rest.length > 0) {
    return fail(part, "needs two durations: outage=1s+3s starts 1 s after the first request and lasts 3 s")
  }
  const outage: Outage = { after, for: length }
  return Result.succeed((plan) => ({ ...plan, outage }))
}

const parsePart = (part: string): Result.Result<Setting, FaultSpecError> => {
  const equals = part.indexOf("=")
  if (equals === -1) {
    const preset = Object.hasOwn(presets, part) ? presets[part] : undefined
    if (preset !== undefined) return Result.succeed(({ seed }) => ({ ...preset, seed }))
    return isKind(part) ? fail(part, "needs a rate") : fail(part, "is not known")
  }
  const name = part.slice(0, equals)
  const value = part.slice(equals + 1)
  if (isKind(name)) return parseKind(part, name, value)
  if (name === "outage") return parseOutage(part, value)
  if (name !== "seed") return fail(part, "is not known")
  return /^\d{1,9}$/.test(value)
    ? Result.succeed((plan) => ({ ...plan, seed: Number(value) }))
    : fail(part, "needs a whole number from 0 to 999999999")
}

/**
 * Reads a plan from items with commas between them: a preset (`none`, `few`, `all`), `seed=7`, a kind with its rate
 * (`5xx=0.05`) and, for `429` and `slow`, a duration (`429=0.05:2s`, `slow=0.02:500ms`), or `outage=1s+3s`. Later items
 * override earlier ones.
 */
export const parse = (spec: string): Result.Result<FaultPlan, FaultSpecError> => {
  let plan = none
  for (const item of spec.split(",")) {
    const part = item.trim()
    if (part === "" && spec.trim() === "") break
    const setting = parsePart(part)
    if (Result.isFailure(setting)) return Result.fail(setting.failure)
    plan = setting.success(plan)
  }
  const sum = Object.values(plan.rates).reduce((total, { rate }) => total + rate, 0)
  return sum > 1 + 1e-9 ? fail(spec, "has rates that add up to more than 1") : Result.succeed(plan)
}

/** The specification that `parse` reads back as this plan. */
export const format = (plan: FaultPlan): string => {
  const parts = [`seed=${plan.seed}`]
  const duration = (value: Duration.Duration) => `${Duration.toMillis(value)}ms`
  for (const kind of faultKinds) {
    const rate = plan.rates[kind]
    if (rate === undefined) continue
    parts.push(`${kind}=${rate.rate}${rate.duration === undefined ? "" : `:${duration(rate.duration)}`}`)
  }
  if (plan.outage !== undefined) parts.push(`outage=${duration(plan.outage.after)}+${duration(plan.outage.for)}`)
  return parts.join(",")
}
