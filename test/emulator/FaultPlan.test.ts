import { assert, describe, it } from "@effect/vitest"
import { Duration, Result, Schema } from "effect"
import { FaultPlan } from "../../src/emulator/index.ts"
import { plan } from "./Harness.ts"

const problem = (spec: string) => Result.getOrThrow(Result.flip(FaultPlan.parse(spec))).message

const Rate = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.12 }))
const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000_000 }))

describe("FaultPlan", () => {
  it("reads rates, durations, outages and seeds", () => {
    assert.deepStrictEqual(plan("429=0.05:2s, 5xx=.1,slow=1e-3:500ms,outage=1s+1.5m,seed=42"), {
      seed: 42,
      rates: {
        "429": { rate: 0.05, duration: Duration.seconds(2) },
        "5xx": { rate: 0.1 },
        slow: { rate: 0.001, duration: Duration.millis(500) }
      },
      outage: { after: Duration.seconds(1), for: Duration.millis(90_000) }
    })
  })

  it("reads presets; what follows overrides, and the seed stays", () => {
    assert.deepStrictEqual(plan(""), FaultPlan.none)
    assert.deepStrictEqual(plan("all"), FaultPlan.all)
    assert.deepStrictEqual(plan("seed=9,few,5xx=0"), {
      seed: 9,
      rates: { ...FaultPlan.few.rates, "5xx": { rate: 0 } }
    })
    assert.deepStrictEqual(plan("all,none"), FaultPlan.none)
  })

  it.each([
    ["429=2", `"429=2" needs a rate`],
    ["5xx", `"5xx" needs a rate`],
    ["few,typo=0.1", `"typo=0.1" is not known`],
    ["toString", `"toString" is not known`],
    ["seed=x", `"seed=x" needs a whole number`],
    ["429=0.1:2", `"429=0.1:2" needs its duration`],
    ["5xx=0.1:2s", `"5xx=0.1:2s" takes no duration`],
    ["outage=1s", `"outage=1s" needs two durations`],
    ["outage=1s+2s+3s", `needs two durations`],
    ["few,,all", `"" is not known`],
    ["5xx=0.6,slow=0.6", `add up to more than 1`]
  ])("refuses %s", (spec, about) => {
    const message = problem(spec)
    assert.include(message, about)
    for (const kind of FaultPlan.faultKinds) assert.include(message, kind)
  })

  it.prop(
    "reads back what it writes",
    {
      seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999_999_999 })),
      rates: Schema.Array(Rate).check(Schema.isMaxLength(8)),
      pause: Millis,
      outage: Schema.Boolean
    },
    ({ outage, pause, rates, seed }) => {
      const duration = Duration.millis(pause)
      // `+ 0` makes a 0 of -0, which no specification can say.
      const written: FaultPlan.FaultPlan = {
        seed,
        rates: Object.fromEntries(
          rates.map((value, index) => {
            const rate = value + 0
            const kind = FaultPlan.faultKinds[index]!
            return [kind, kind === "429" || kind === "slow" ? { rate, duration } : { rate }]
          })
        ),
        ...(outage ? { outage: { after: duration, for: duration } } : {})
      }
      assert.deepStrictEqual(plan(FaultPlan.format(written)), written)
    }
  )

  it.prop("answers any text", [Schema.String], ([spec]) => {
    assert.isTrue(Result.isResult(FaultPlan.parse(spec)))
  })
})
