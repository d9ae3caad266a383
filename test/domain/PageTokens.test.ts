import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as PageTokens from "../../src/domain/PageTokens.ts"

const Count = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("page tokens", () => {
  it.each([undefined, null, ""])("%j is none", (token) => {
    assert.isUndefined(PageTokens.next(token))
  })

  it("that come again at once are noticed at once", () => {
    for (let before = 0; before < 20; before++) {
      const isRepeated = PageTokens.repeats()
      for (let index = 0; index < before; index++) assert.isFalse(isRepeated(`t${index}`))
      assert.isFalse(isRepeated("again"))
      assert.isTrue(isRepeated("again"))
    }
  })

  it.prop(
    "that go in a circle are noticed, and none before the circle closes",
    { before: Count(0, 300), circle: Count(1, 300) },
    ({ before, circle }) => {
      const isRepeated = PageTokens.repeats()
      const tokenAt = (index: number) => `t${index < before ? index : before + ((index - before) % circle)}`
      let pages = 0
      while (!isRepeated(tokenAt(pages))) {
        pages++
        assert.isAtMost(pages, 3 * (before + circle) + 1)
      }
      assert.isAtLeast(pages, before + circle)
    },
    { arbitrary: { runs: 200 } }
  )
})
