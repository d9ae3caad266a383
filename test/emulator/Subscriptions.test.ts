import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Subscription } from "../../src/domain/Subscription.ts"
import { Emulator } from "../../src/emulator/index.ts"
import { json, stats, withEmulator } from "./Harness.ts"
import { call, client, definition, path, refusal } from "./SubscriptionCalls.ts"

const none = { creates: 0, updates: 0, deletes: 0 }

describe("emulator: subscriptions", () => {
  it.effect("live: created, seen, updated, seen, deleted, gone", () =>
    Effect.gen(function* () {
      const { create, get, list, remove, status, update } = yield* client
      yield* TestClock.adjust("30 minutes")
      const first = definition()
      const created = yield* create("a", first)
      assert.strictEqual(created.status, 201)
      const receipt = {
        id: "sub_000001",
        name: first.name,
        state: "pending",
        createdDate: "1970-01-01T00:30:00.000Z"
      }
      assert.deepStrictEqual(json(created), receipt)

      const held = {
        ...first,
        ...receipt,
        deadLetterQueue: { ...first.deadLetterQueue, retentionDays: 7 },
        organizationId: "org_emulator"
      }
      assert.deepStrictEqual(json(yield* get("sub_000001")), held)
      assert.deepStrictEqual(json(yield* list()), { subscriptions: [held] })

      yield* TestClock.adjust("1 minute")
      const second = { ...definition("renamed", "second"), deadLetterQueue: { enabled: false, retentionDays: 30 } }
      const updated = yield* update("b", "sub_000001", second)
      assert.strictEqual(updated.status, 200)
      assert.deepStrictEqual(json(updated), { ...receipt, name: "renamed" })
      const now = { ...second, ...receipt, name: "renamed", organizationId: "org_emulator" }
      assert.deepStrictEqual(json(yield* get("sub_000001")), now)
      assert.deepStrictEqual(yield* Effect.flatMap(Emulator, ({ subscriptions }) => subscriptions), [now])

      const removed = yield* remove("sub_000001")
      assert.strictEqual(removed.status, 204)
      assert.strictEqual(removed.text, "")
      assert.deepStrictEqual(json(yield* list()), { subscriptions: [] })
      for (const answer of [
        yield* get("sub_000001"),
        yield* remove("sub_000001"),
        yield* update("c", "sub_000001", first),
        yield* status("sub_000001")
      ]) {
        assert.include(refusal(answer), "404 there is no subscription sub_000001")
      }

      const { requests, subscriptionWrites } = yield* stats
      assert.deepStrictEqual(subscriptionWrites, { creates: 1, updates: 1, deletes: 1 })
      const { "POST /oauth2/token": _, ...counted } = requests
      assert.deepStrictEqual(counted, {
        [`POST ${path}`]: { "201": 1 },
        [`GET ${path}/:id`]: { "200": 2, "404": 1 },
        [`GET ${path}`]: { "200": 2 },
        [`PUT ${path}/:id`]: { "200": 1, "404": 1 },
        [`DELETE ${path}/:id`]: { "204": 1, "404": 1 },
        [`GET ${path}/:id/delivery-status`]: { "404": 1 }
      })
    }).pipe(withEmulator())
  )

  it.effect("that are wrong are refused, every issue named, and nothing is applied", () =>
    Effect.gen(function* () {
      const { token } = yield* client
      const wrong = (method: "POST" | "PUT", under: string, options: { key?: string; body: string }) =>
        Effect.map(call(token, method, under, options), refusal)
      for (const [method, under] of [
        ["POST", ""],
        ["PUT", "/sub_000001"]
      ] as const) {
        const body = JSON.stringify(definition("other"))
        assert.include(yield* wrong(method, under, { body }), "400 Headers")
        assert.include(yield* wrong(method, under, { key: "", body }), "400 the Idempotency-Key")
        assert.match(yield* wrong(method, under, { key: "a", body: "{" }), /^400 /)
        const issues = yield* wrong(method, under, {
          key: "a",
          body: JSON.stringify({ ...definition(" "), endpoints: [] })
        })
        assert.match(issues, /^400 /)
        assert.include(issues, "must not be empty")
        assert.include(issues, "1 to 10 endpoints")
      }
      assert.deepStrictEqual((yield* stats).subscriptionWrites, none)
      const { subscriptions } = yield* Emulator
      assert.deepStrictEqual(
        (yield* subscriptions).map(({ name }) => name),
        ["held"]
      )
    }).pipe(withEmulator({ subscriptions: [definition("held")] }))
  )

  it.effect("are a hundred at most; a deleted one makes room", () =>
    Effect.gen(function* () {
      const { create, remove } = yield* client
      assert.strictEqual((yield* create("a", definition("100"))).status, 201)
      assert.match(refusal(yield* create("b", definition("101"))), /^422 .*limit of 100/)
      assert.deepStrictEqual((yield* stats).subscriptionWrites, { ...none, creates: 1 })
      assert.strictEqual((yield* remove("sub_000007")).status, 204)
      // A refusal is not what a key is remembered for.
      const created = yield* create("b", definition("101"))
      assert.strictEqual(created.status, 201)
      assert.strictEqual(json(created).id, "sub_000101")
    }).pipe(withEmulator({ subscriptions: Array.from({ length: 99 }, (_, index) => definition(`${index}`)) }))
  )

  it.effect("are held from the start, doubled and deleted behind the client's back", () =>
    Effect.gen(function* () {
      const { get, list, status } = yield* client
      const { duplicateSubscription, removeSubscription, subscriptions } = yield* Emulator
      const ids = Effect.map(subscriptions, (held) => held.map(({ id, name }) => `${id} ${name}`))
      assert.deepStrictEqual(yield* ids, ["sub_000001 one", "sub_000002 two"])
      yield* Schema.decodeUnknownEffect(Schema.Array(Subscription))(yield* subscriptions)

      assert.isTrue(yield* removeSubscription("sub_000001"))
      assert.isFalse(yield* removeSubscription("sub_000001"))
      assert.strictEqual((yield* get("sub_000001")).status, 404)

      for (let poll = 0; poll < 2; poll++) yield* status("sub_000002")
      yield* TestClock.adjust("1 second")
      const twin = yield* duplicateSubscription("sub_000002")
      assert.deepInclude(twin, { id: "sub_000003", name: "two", createdDate: "1970-01-01T00:00:01.000Z" })
      assert.isUndefined(yield* duplicateSubscription("sub_000001"))
      assert.deepStrictEqual(yield* ids, ["sub_000002 two", "sub_000003 two"])
      const listed = json(yield* list()).subscriptions
      assert.deepStrictEqual(listed, yield* subscriptions)
      // What was held from the start needs no more than a name.
      assert.deepStrictEqual(listed[0], {
        id: "sub_000002",
        name: "two",
        state: "active",
        createdDate: "1970-01-01T00:00:00.000Z",
        organizationId: "org_emulator"
      })
      assert.strictEqual(listed[1].state, "pending")
      assert.deepStrictEqual((yield* stats).subscriptionWrites, none)
    }).pipe(withEmulator({ subscriptions: [definition("one"), { name: "two" }] }))
  )

  const routes = [
    ["POST", "", "write"],
    ["PUT", "/sub_000001", "write"],
    ["DELETE", "/sub_000001", "write"],
    ["GET", "/sub_000001", "read"],
    ["GET", "", "read"],
    ["GET", "/sub_000001/delivery-status", "read"]
  ] as const

  it.effect.each(routes)("%s %s needs a token with the scope to %s", ([method, under, right]) =>
    Effect.gen(function* () {
      const held = { subscriptions: [definition()] }
      const options = { key: "a", ...(method === "GET" ? {} : { body: JSON.stringify(definition()) }) }
      const scope = `eventbridge:subscriptions:${right}`
      const other = `eventbridge:subscriptions:${right === "read" ? "write" : "read"}`
      const answer = Effect.flatMap(client, ({ token }) => call(token, method, under, options))
      const lacking = withEmulator({ ...held, scopes: ["eventbridge:read", "eventbridge:write", other] })(answer)
      assert.match(refusal(yield* lacking), new RegExp(`^403 .* ${scope}$`))
      assert.isBelow((yield* withEmulator({ ...held, scopes: [scope] })(answer)).status, 300)
      const stranger = withEmulator(held)(call("made-up", method, under, options))
      assert.match(refusal(yield* stranger), /^401 /)
    })
  )
})
