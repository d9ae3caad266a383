import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Batch from "../../src/services/Batch.ts"

describe("Batch", () => {
  it.effect("takes any number of items at once, and hands them on in their order", () =>
    Effect.gen(function* () {
      const groups: Array<ReadonlyArray<number>> = []
      const batch = yield* Batch.make((items: ReadonlyArray<number>) => Effect.sync(() => groups.push(items)))
      const many = Array.from({ length: 300_000 }, (_, index) => index)
      yield* batch.submit(many)
      assert.lengthOf(groups, 1)
      assert.deepStrictEqual(groups[0], many)
    })
  )
})
