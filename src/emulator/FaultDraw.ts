import { Duration } from "effect"
import { Fault, type FaultedRequest } from "./Fault.ts"
import { type FaultKind, faultKinds, type FaultPlan, type FaultRate } from "./FaultPlan.ts"
import * as Seeded from "./Seeded.ts"

/** The kinds that strike a token request. */
const strikesToken: ReadonlySet<FaultKind> = new Set<FaultKind>(["429", "5xx"])

const serverErrors = [500, 502, 503, 504] as const
const bodyForms = ["json", "html", "empty"] as const

const pick = <const A>(choices: readonly [A, ...ReadonlyArray<A>], draw: number): A =>
  choices[Math.floor(draw * choices.length)] ?? choices[0]

const salt = (request: FaultedRequest): number => Seeded.ofText(0x5eed, `${request.route} ${request.key}`)

const makeFault = (
  kind: FaultKind,
  { duration }: FaultRate,
  salted: number,
  attempt: number,
  draw: () => number
): Fault => {
  switch (kind) {
    case "429":
      return Fault.TooManyRequests({
        retryAfter: duration ?? Duration.seconds(1),
        form: (attempt + salted) % 2 === 0 ? "seconds" : "date"
      })
    case "5xx":
      return Fault.ServerError({ status: pick(serverErrors, draw()), form: pick(bodyForms, draw()) })
    case "reset-before":
      return Fault.ResetBefore()
    case "reset-after":
      return Fault.ResetAfter()
    case "slow":
      return Fault.Slow({ delay: duration ?? Duration.millis(500) })
    case "truncated":
      return Fault.Truncated()
    case "malformed":
      return Fault.Malformed({ form: pick(["html", "cut"], draw()) })
    case "revoke":
      return Fault.Revoke()
  }
}

/**
 * The fault that a request suffers at random, if any. Only replays survive a malformed answer, so no others get one.
 */
export const draw = (plan: FaultPlan, request: FaultedRequest): Fault | undefined => {
  const salted = salt(request)
  const luck = Seeded.unit(plan.seed, salted, request.attempt)
  let reached = 0
  for (const kind of faultKinds) {
    const rate = plan.rates[kind]
    if (rate === undefined) continue
    reached += rate.rate
    if (luck >= reached) continue
    if (request.route === "token" && !strikesToken.has(kind)) return undefined
    if (request.route !== "replay" && kind === "malformed") return undefined
    let drawn = 0
    return makeFault(kind, rate, salted, request.attempt, () =>
      Seeded.unit(plan.seed + ++drawn, salted, request.attempt)
    )
  }
  return undefined
}

/** What an outage does to a request: half are reset, half are answered 503. */
export const strikeOutage = (plan: FaultPlan, request: FaultedRequest): Fault =>
  Seeded.unit(~plan.seed, salt(request), request.attempt) < 0.5
    ? Fault.ResetBefore()
    : Fault.ServerError({ status: 503, form: "html" })
