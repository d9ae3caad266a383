import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Emulator, Fault, type FaultedRequest, type FaultRoute } from "../../src/emulator/index.ts"
import { firstTry, json, plan, stats, withEmulator } from "./Harness.ts"
import { client, definition, path } from "./SubscriptionCalls.ts"

const held = { subscriptions: [definition("held")] }

/** Every route, by the name that scripts know it under. */
const calls = Effect.map(client, ({ create, get, list, remove, status, update }) => ({
  createSubscription: create("a", definition("new")),
  updateSubscription: update("b", "sub_000001", definition("held", "changed")),
  getSubscription: get("sub_000001"),
  listSubscriptions: list(),
  deliveryStatus: status("sub_000001"),
  deleteSubscription: remove("sub_000001")
}))

const writes = [
  ["createSubscription", 201, 201, { creates: 1, updates: 0, deletes: 0 }],
  ["updateSubscription", 200, 200, { creates: 0, updates: 1, deletes: 0 }],
  // A delete has no key to be remembered by.
  ["deleteSubscription", 204, 404, { creates: 0, updates: 0, deletes: 1 }]
] as const

const reads = ["getSubscription", "listSubscriptions", "deliveryStatus"] as const

const reasonOf = <A, E extends { readonly reason: { readonly _tag: string } }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

const faulty = (route: FaultRoute, fault: Fault) => withEmulator({ ...held, script: firstTry(route, fault) })

describe("emulator: faults of subscriptions", () => {
  it.effect("scripts see every route, its key and its attempts", () => {
    const seen: Array<FaultedRequest> = []
    const script = (request: FaultedRequest) => {
      if (request.route !== "token") seen.push(request)
      return undefined
    }
    return Effect.gen(function* () {
      const { create, get, list, remove, status, update } = yield* client
      yield* create("key 1", definition("new"))
      yield* create("key 1", definition("new"))
      yield* update("key 1", "sub_000001", definition("held"))
      yield* get("sub_000001")
      yield* get("sub%2F1")
      yield* get("%E0")
      yield* list({ limit: 1 })
      yield* list({ limit: 1, nextPageToken: "x" })
      yield* status("sub_000001")
      yield* status("sub_000001")
      yield* remove("sub_000001")
      assert.deepStrictEqual(
        seen.map(({ attempt, key, route }) => `${route} ${key} ${attempt}`),
        [
          "createSubscription key 1 1",
          "createSubscription key 1 2",
          "updateSubscription key 1 1",
          "getSubscription sub_000001 1",
          "getSubscription sub/1 1",
          "getSubscription %E0 1",
          "listSubscriptions  1",
          "listSubscriptions x 1",
          "deliveryStatus sub_000001 1",
          "deliveryStatus sub_000001 2",
          "deleteSubscription sub_000001 1"
        ]
      )
    }).pipe(withEmulator({ ...held, script }))
  })

  it.effect.each(writes)(
    "%s, reset before: not applied at first, but by the next try",
    ([route, first, _second, applied]) =>
      Effect.gen(function* () {
        const { [route]: send } = yield* calls
        assert.strictEqual(yield* reasonOf(send), "TransportError")
        assert.deepStrictEqual((yield* stats).subscriptionWrites, { creates: 0, updates: 0, deletes: 0 })
        assert.strictEqual((yield* send).status, first)
        assert.deepStrictEqual((yield* stats).subscriptionWrites, applied)
      }).pipe(faulty(route, Fault.ResetBefore()))
  )

  it.effect.each(writes)("%s, reset after: applied, and only once", ([route, _first, second, applied]) =>
    Effect.gen(function* () {
      const { [route]: send } = yield* calls
      const { subscriptions } = yield* Emulator
      const before = yield* subscriptions
      assert.strictEqual(yield* reasonOf(send), "TransportError")
      const after = yield* subscriptions
      assert.notDeepEqual(after, before)
      assert.deepStrictEqual((yield* stats).subscriptionWrites, applied)
      assert.strictEqual((yield* send).status, second)
      assert.deepStrictEqual(yield* subscriptions, after)
      const seen = yield* stats
      assert.deepStrictEqual(seen.subscriptionWrites, applied)
      assert.deepStrictEqual(seen.faults, { ResetAfter: 1 })
    }).pipe(faulty(route, Fault.ResetAfter()))
  )

  it.effect.each(writes)("%s, truncated: applied, and the answer breaks off", ([route, _first, _second, applied]) =>
    Effect.gen(function* () {
      const { [route]: send } = yield* calls
      // An answer without a body has nothing to break off in.
      assert.strictEqual(yield* reasonOf(send), route === "deleteSubscription" ? "TransportError" : "DecodeError")
      assert.deepStrictEqual((yield* stats).subscriptionWrites, applied)
    }).pipe(faulty(route, Fault.Truncated()))
  )

  it.effect.each(writes)("%s, 503: not applied", ([route]) =>
    Effect.gen(function* () {
      const { [route]: send } = yield* calls
      assert.strictEqual((yield* send).status, 503)
      assert.deepStrictEqual((yield* stats).subscriptionWrites, { creates: 0, updates: 0, deletes: 0 })
    }).pipe(faulty(route, Fault.ServerError({ status: 503, form: "json" })))
  )

  it.effect.each(reads)("%s suffers what is scripted, malformed answers too", (route) =>
    Effect.gen(function* () {
      const { [route]: send } = yield* calls
      const answer = yield* send
      assert.strictEqual(answer.status, 200)
      assert.throws(() => json(answer))
      json(yield* send)
    }).pipe(faulty(route, Fault.Malformed({ form: "html" })))
  )

  it.effect("chance strikes every route", () =>
    Effect.gen(function* () {
      for (const send of Object.values(yield* calls)) assert.strictEqual((yield* send).status, 401)
      assert.deepStrictEqual((yield* stats).faults, { Revoke: 6 })
      const { requests } = yield* stats
      assert.deepStrictEqual(requests[`DELETE ${path}/:id`], { "401": 1 })
    }).pipe(withEmulator({ ...held, faults: plan("revoke=1") }))
  )

  it.effect("chance: nothing is malformed, where that would be final", () =>
    Effect.gen(function* () {
      for (const send of Object.values(yield* calls)) {
        const answer = yield* send
        if (answer.status !== 204) json(answer)
      }
      assert.deepStrictEqual((yield* stats).faults, {})
    }).pipe(withEmulator({ ...held, faults: plan("malformed=1") }))
  )

  it.live("chance: a client that repeats gets through, and each write is applied once", () =>
    Effect.gen(function* () {
      const { create, update } = yield* client
      const names = Array.from({ length: 50 }, (_, index) => `subscription-${index}`)
      const persist = <A extends { readonly status: number }, E, R>(effect: Effect.Effect<A, E, R>) =>
        effect.pipe(
          Effect.filterOrFail(({ status }) => status < 300),
          Effect.retry({ times: 50 })
        )
      yield* Effect.forEach(
        names,
        (name) =>
          Effect.flatMap(persist(create(`create ${name}`, definition(name))), (created) =>
            persist(update(`update ${name}`, json(created).id, definition(name, "changed")))
          ),
        { concurrency: 10 }
      )
      const seen = yield* stats
      assert.deepStrictEqual(seen.subscriptionWrites, { creates: 50, updates: 50, deletes: 0 })
      assert.isAbove(Object.keys(seen.faults).length, 3)
      const { subscriptions } = yield* Emulator
      assert.isTrue((yield* subscriptions).every(({ description }) => description === "changed"))
    }).pipe(withEmulator({ faults: plan("5xx=0.1,reset-before=0.1,reset-after=0.1,truncated=0.1,slow=0.05:1ms") }))
  )
})
