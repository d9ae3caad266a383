import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import type { Subscription } from "../../src/index.ts"
import { makePlan, nameOf } from "../../src/domain/SubscriptionPlan.ts"
import { definition } from "../workflows/support/Definitions.ts"

const held = (name: string): Subscription => ({ ...definition(name), id: `id-${name}`, state: "active" })
const names = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `s${from + index}`)

const plan = (declared: ReadonlyArray<string>, existing: ReadonlyArray<string>, prune: boolean) =>
  makePlan(
    declared.map((name) => definition(name)),
    existing.map(held),
    () => prune
  )

const Count = (most: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: most }))

describe("a plan", () => {
  it.prop(
    "never needs more room than there is, deletes no more than it must before the end, and ends as declared",
    { gone: Count(120), kept: Count(60), fresh: Count(120), prune: Schema.Boolean },
    ({ fresh, gone, kept, prune }) => {
      const existing = names(0, gone + kept)
      const declared = names(gone, gone + kept + fresh)
      const made = plan(declared, existing, prune)
      const planned = prune ? kept + fresh : gone + kept + fresh
      if (planned > 100 && planned > existing.length) {
        assert.deepInclude(Result.merge(made), {
          _tag: "QuotaExceeded",
          existing: existing.length,
          planned,
          limit: 100
        })
        return
      }
      const service = new Set(existing)
      let hasDeleted = false
      for (const action of Result.getOrThrow(made).actions) {
        if (action._tag === "Delete") {
          service.delete(action.name)
          hasDeleted = true
        }
        if (action._tag !== "Create") continue
        if (hasDeleted) assert.isAtLeast(service.size, 99, "a deletion came before it was needed")
        service.add(nameOf(action))
        // An organization that has more than it may have cannot get below that by replacing them.
        assert.isAtMost(service.size, Math.max(100, existing.length))
      }
      assert.deepStrictEqual(service, new Set(prune ? declared : [...existing, ...declared]))
    },
    { arbitrary: { runs: 300 } }
  )

  it("that creates nothing is not refused, even if there are more than allowed", () => {
    const { actions, existing } = Result.getOrThrow(plan(["s0"], names(0, 101), false))
    assert.strictEqual(existing, 101)
    assert.deepStrictEqual(
      actions.map(({ _tag }) => _tag),
      ["Unchanged"]
    )
    assert.isTrue(Result.isFailure(plan(["s0", "new"], names(0, 101), false)))
  })

  it("names every subscription that shares a definition's name, and ignores all others", () => {
    const twins = [held("s0"), { ...held("s0"), id: "other" }]
    assert.deepInclude(Result.merge(makePlan([definition("s0")], twins, () => false)), {
      _tag: "AmbiguousName",
      ids: ["id-s0", "other"]
    })
    assert.isTrue(Result.isSuccess(makePlan([definition("s1")], twins, () => false)))
  })
})
