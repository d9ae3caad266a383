import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { json, withEmulator } from "./Harness.ts"
import { client, definition } from "./SubscriptionCalls.ts"

const one = "sub_000001"
const two = "sub_000002"
const held = [definition("one"), definition("two")]

/** The states that so many polls find, and what the subscription's own answers say after each. */
const polls = Effect.fnUntraced(function* (id: string, times: number) {
  const { get, list, status } = yield* client
  const found: Array<string> = []
  for (let poll = 0; poll < times; poll++) {
    const { lastDeliveryError, state } = json(yield* status(id))
    const shown = json(yield* get(id)).state
    const listed: ReadonlyArray<{ readonly id: string; readonly state: string }> = json(yield* list()).subscriptions
    assert.strictEqual(listed.find((subscription) => subscription.id === id)?.state, shown)
    found.push([state, lastDeliveryError, shown].filter((part) => part !== undefined).join(" "))
  }
  return found
})

describe("emulator: delivery", () => {
  it.effect("is pending for two polls, then active, and again after an update", () =>
    Effect.gen(function* () {
      const { create, get, update } = yield* client
      yield* create("a", definition())
      assert.deepStrictEqual(yield* polls(one, 4), [
        "pending pending",
        "pending active",
        "active active",
        "active active"
      ])
      assert.strictEqual(json(yield* update("b", one, definition("other"))).state, "pending")
      assert.strictEqual(json(yield* get(one)).state, "pending")
      assert.deepStrictEqual(yield* polls(one, 3), ["pending pending", "pending active", "active active"])
      // A repeated update applies nothing, so it starts nothing again.
      yield* update("b", one, definition("other"))
      assert.deepStrictEqual(yield* polls(one, 1), ["active active"])
    }).pipe(withEmulator())
  )

  it.effect("counts polls for each subscription by itself", () =>
    Effect.gen(function* () {
      yield* polls(one, 3)
      assert.deepStrictEqual(yield* polls(two, 1), ["pending pending"])
    }).pipe(withEmulator({ subscriptions: held }))
  )

  it.effect("turns active as late as asked", () =>
    Effect.gen(function* () {
      const found = yield* polls(one, 6)
      assert.strictEqual(found.filter((states) => states.startsWith("pending")).length, 5)
      assert.strictEqual(found.at(-1), "active active")
    }).pipe(withEmulator({ subscriptions: held, delivery: { activeAfterPolls: 5 } }))
  )

  it.effect("is active at once when asked", () =>
    Effect.gen(function* () {
      const { create } = yield* client
      assert.strictEqual(json(yield* create("a", definition())).state, "active")
      assert.deepStrictEqual(yield* polls(one, 1), ["active active"])
    }).pipe(withEmulator({ delivery: { activeAfterPolls: 0 } }))
  )

  it.effect("stays in error for the names that are configured to", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* polls(one, 3),
        Array.from({ length: 3 }, () => "error HTTP 502 error")
      )
      assert.deepStrictEqual(yield* polls(two, 1), ["pending pending"])
    }).pipe(withEmulator({ subscriptions: held, delivery: (name) => (name === "one" ? { error: "HTTP 502" } : {}) }))
  )

  it.effect("changes when a test changes its mind", () => {
    let error: string | undefined
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* polls(one, 1), ["active active"])
      error = "TLS handshake failed"
      assert.deepStrictEqual(yield* polls(one, 1), ["error TLS handshake failed error"])
      error = undefined
      assert.deepStrictEqual(yield* polls(one, 1), ["active active"])
    }).pipe(
      withEmulator({
        subscriptions: held,
        delivery: () => ({ activeAfterPolls: 0, ...(error === undefined ? {} : { error }) })
      })
    )
  })
})
