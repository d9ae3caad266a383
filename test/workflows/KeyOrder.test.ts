import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { KeyOrder } from "../../src/workflows/KeyOrder.ts"

const step = Schema.Union([
  Schema.Struct({ is: Schema.Literal("comes"), key: Schema.Literals(["a", "b", "c"]) }),
  Schema.Struct({
    is: Schema.Literals(["ends", "fails"]),
    pick: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
  })
])

describe("the order of keys", () => {
  it.prop(
    "lets one letter of a key go at a time, in order, and none behind one that failed",
    { steps: Schema.Array(step).check(Schema.isMaxLength(60)), held: Schema.Array(Schema.Literals(["a", "b"])) },
    ({ held, steps }) => {
      const order = new KeyOrder<number>(held)
      const onTheirWay = new Map<string, number>()
      const behind = new Map<string, Array<number>>()
      const failed = new Set<string>(held)
      const waitingFor = (key: string) => behind.get(key) ?? []
      for (const [number, taken] of steps.entries()) {
        if (taken.is === "comes") {
          const { key } = taken
          const admitted = order.admit(key, number)
          assert.strictEqual(admitted, failed.has(key) ? "held" : onTheirWay.has(key) ? "wait" : "go")
          if (admitted === "go") onTheirWay.set(key, number)
          if (admitted === "wait") behind.set(key, [...waitingFor(key), number])
        } else {
          const [key] = Array.from(onTheirWay.keys()).at(taken.pick % Math.max(1, onTheirWay.size)) ?? []
          if (key === undefined) continue
          onTheirWay.delete(key)
          const [next, ...rest] = waitingFor(key)
          if (taken.is === "fails") {
            assert.deepStrictEqual(order.hold(key), waitingFor(key))
            failed.add(key)
            behind.delete(key)
          } else {
            assert.strictEqual(order.release(key), next)
            if (next !== undefined) onTheirWay.set(key, next)
            behind.set(key, rest)
          }
        }
        assert.strictEqual(
          order.waiting,
          Array.from(behind.values()).reduce((total, waiting) => total + waiting.length, 0)
        )
      }
    },
    { arbitrary: { runs: 300 } }
  )
})
