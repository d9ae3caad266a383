import { assert, describe, it } from "@effect/vitest"
import { KeyLedger } from "../../src/emulator/KeyLedger.ts"

describe("KeyLedger", () => {
  it("keeps every key as it grows", () => {
    const count = 5000
    const ledger = new KeyLedger(count)
    for (let index = 0; index < count; index++) {
      assert.strictEqual(ledger.seen(`key-${index}`, `body-${index}`), 1)
      assert.strictEqual(ledger.accept(`key-${index}`, `body-${index}`, index), "Accepted")
    }
    // The first key is forgotten by then, to the millisecond.
    assert.strictEqual(ledger.accept("key-0", "body-0", count), "Accepted")
    for (let index = 1; index < count; index++) {
      assert.strictEqual(ledger.seen(`key-${index}`, `body-${index}`), 2)
      assert.strictEqual(ledger.accept(`key-${index}`, `body-${index}`, count), "SameContent")
      assert.strictEqual(ledger.accept(`key-${index}`, `body-${index + 1}`, count), "OtherContent")
    }
    assert.strictEqual(Object.keys(ledger.deliveries()).length, count)
    assert.deepStrictEqual(ledger.distinctBodies(), {})
  })

  it("compares with the body that was accepted, not with the one that came first", () => {
    const ledger = new KeyLedger(1000)
    ledger.seen("key", "never taken")
    ledger.seen("key", "taken")
    assert.strictEqual(ledger.accept("key", "taken", 0), "Accepted")
    assert.strictEqual(ledger.accept("key", "taken", 999), "SameContent")
    assert.strictEqual(ledger.accept("key", "never taken", 999), "OtherContent")
    assert.strictEqual(ledger.accept("key", "never taken", 1000), "Accepted")
    assert.strictEqual(ledger.accept("key", "never taken", 1001), "SameContent")
    assert.deepStrictEqual(ledger.distinctBodies(), { key: 2 })
    assert.deepStrictEqual(ledger.deliveries(), { key: 2 })
  })

  it("lists what it accepted in that order, whatever keys were seen before", () => {
    const ledger = new KeyLedger(1000)
    const keys = Array.from({ length: 3000 }, (_, index) => `key-${index}`)
    for (const key of keys) ledger.seen(key, "{}")
    const order = keys.toSorted((left, right) =>
      left.endsWith("7") === right.endsWith("7") ? 0 : left.endsWith("7") ? -1 : 1
    )
    for (const key of order) ledger.accept(key, "{}", 0)
    ledger.accept("key-5", "{}", 2000)
    assert.deepStrictEqual(Object.keys(ledger.deliveries()), order)
    assert.strictEqual(ledger.deliveries()["key-5"], 2)
  })
})
