import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Emulator } from "../../src/emulator/index.ts"
import { stats, withEmulator } from "./Harness.ts"
import { call, client, definition, refusal } from "./SubscriptionCalls.ts"

const descriptions = Effect.flatMap(Emulator, ({ subscriptions }) =>
  Effect.map(subscriptions, (held) => held.map(({ description, id }) => `${id} ${String(description)}`))
)

const writes = Effect.map(stats, ({ subscriptionWrites }) => subscriptionWrites)

describe("emulator: idempotency keys of subscriptions", () => {
  it.effect("a create that is repeated is answered as before and applied once", () =>
    Effect.gen(function* () {
      const { create, remove, status, update } = yield* client
      const first = yield* create("a", definition())
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* create("a", definition()), first)
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
      // Neither a changed state, nor an update, nor the end of the subscription changes the answer or is undone by it.
      for (let poll = 0; poll < 3; poll++) yield* status("sub_000001")
      yield* update("b", "sub_000001", definition("contact-created-sync", "second"))
      assert.deepStrictEqual(yield* create("a", definition()), first)
      assert.deepStrictEqual(yield* descriptions, ["sub_000001 second"])
      yield* remove("sub_000001")
      assert.deepStrictEqual(yield* create("a", definition()), first)
      assert.deepStrictEqual(yield* descriptions, [])
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 1, deletes: 1 })
    }).pipe(withEmulator())
  )

  it.effect("an update that is repeated is answered as before and applied once: A, B, A stays B", () =>
    Effect.gen(function* () {
      const { remove, update } = yield* client
      const a = definition("held", "A")
      const first = yield* update("a", "sub_000001", a)
      yield* update("b", "sub_000001", definition("held", "B"))
      assert.deepStrictEqual(yield* update("a", "sub_000001", a), first)
      assert.deepStrictEqual(yield* descriptions, ["sub_000001 B"])
      assert.deepStrictEqual(yield* writes, { creates: 0, updates: 2, deletes: 0 })
      yield* remove("sub_000001")
      assert.deepStrictEqual(yield* update("a", "sub_000001", a), first)
      assert.deepStrictEqual(yield* descriptions, [])
    }).pipe(withEmulator({ subscriptions: [definition("held")] }))
  )

  it.effect("other bytes under a key are refused, by one character and by either method", () =>
    Effect.gen(function* () {
      const { create, token, update } = yield* client
      const first = yield* create("a", definition())
      const spaced = yield* call(token, "POST", "", { key: "a", body: `${JSON.stringify(definition())} ` })
      assert.match(refusal(spaced), /^422 .*\ba\b.*another body/)
      assert.match(refusal(yield* update("a", "sub_000001", definition("other"))), /^422 /)
      assert.deepStrictEqual(yield* create("a", definition()), first)
      assert.deepStrictEqual(yield* descriptions, ["sub_000001 first"])
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(withEmulator())
  )

  it.effect("creates and updates of all ids share one key space", () =>
    Effect.gen(function* () {
      const { create, update } = yield* client
      const wanted = definition("held", "wanted")
      const first = yield* update("a", "sub_000001", wanted)
      assert.deepStrictEqual(yield* update("a", "sub_000002", wanted), first)
      assert.deepStrictEqual(yield* create("a", wanted), first)
      assert.deepStrictEqual(yield* descriptions, ["sub_000001 wanted", "sub_000002 first"])
      const created = yield* create("b", wanted)
      assert.deepStrictEqual(yield* update("b", "sub_000002", wanted), created)
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 1, deletes: 0 })
    }).pipe(withEmulator({ subscriptions: [definition("one"), definition("two")] }))
  )

  it.effect("a refused update does not take its key", () =>
    Effect.gen(function* () {
      const { update } = yield* client
      const wanted = definition("held", "wanted")
      assert.strictEqual((yield* update("a", "sub_000009", wanted)).status, 404)
      assert.strictEqual((yield* update("a", "sub_000001", wanted)).status, 200)
      assert.deepStrictEqual(yield* descriptions, ["sub_000001 wanted"])
    }).pipe(withEmulator({ subscriptions: [definition("held")] }))
  )

  it.effect("keys are forgotten after their retention, to the millisecond", () =>
    Effect.gen(function* () {
      const { create } = yield* client
      yield* create("a", definition())
      yield* TestClock.adjust("9999 millis")
      yield* create("a", definition())
      assert.strictEqual((yield* create("a", definition("other"))).status, 422)
      assert.deepStrictEqual(yield* descriptions, ["sub_000001 first"])
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* create("a", definition("other", "other"))).status, 201)
      assert.deepStrictEqual(yield* descriptions, ["sub_000001 first", "sub_000002 other"])
    }).pipe(withEmulator({ keyRetention: "10 seconds" }))
  )

  it.effect("twenty at once under one key make one subscription", () =>
    Effect.gen(function* () {
      const { create } = yield* client
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => create("a", definition())),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size, 1)
      assert.deepStrictEqual(yield* writes, { creates: 1, updates: 0, deletes: 0 })
    }).pipe(withEmulator())
  )
})
