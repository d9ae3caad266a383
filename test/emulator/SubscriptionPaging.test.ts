import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Subscription } from "../../src/domain/Subscription.ts"
import { Emulator } from "../../src/emulator/index.ts"
import { json, withEmulator } from "./Harness.ts"
import { client, definition } from "./SubscriptionCalls.ts"

interface Page {
  readonly subscriptions: ReadonlyArray<Subscription>
  readonly nextPageToken?: string
}

/** Every page from the first on; `between` happens after each. */
const pages = Effect.fnUntraced(function* <E, R>(
  query: { readonly limit?: number },
  between: Effect.Effect<unknown, E, R>
) {
  const { list } = yield* client
  const all: Array<Page> = []
  let next: string | undefined
  do {
    const page: Page = json(yield* list({ ...query, ...(next === undefined ? {} : { nextPageToken: next }) }))
    all.push(page)
    next = page.nextPageToken
    yield* between
  } while (next !== undefined)
  return all
})

const sizes = (all: ReadonlyArray<Page>) => all.map(({ subscriptions }) => subscriptions.length)
const ids = (all: ReadonlyArray<Page>) => all.flatMap(({ subscriptions }) => subscriptions.map(({ id }) => id))

const holding = (count: number) => ({
  subscriptions: Array.from({ length: count }, (_, index) => definition(`subscription-${index}`))
})

describe("emulator: pages of subscriptions", () => {
  it.effect.each([
    [0, undefined, [0]],
    [25, undefined, [25]],
    [60, undefined, [25, 25, 10]],
    [60, 20, [20, 20, 20]],
    [3, 1, [1, 1, 1]],
    [130, 5000, [100, 30]]
  ] as const)("%s subscriptions under limit %s: %j", ([count, limit, expected]) =>
    Effect.gen(function* () {
      const all = yield* pages(limit === undefined ? {} : { limit }, Effect.void)
      assert.deepStrictEqual(sizes(all), [...expected])
      const { subscriptions } = yield* Emulator
      assert.deepStrictEqual(
        all.flatMap((page) => page.subscriptions),
        yield* subscriptions
      )
    }).pipe((effect) => withEmulator(holding(count))(effect))
  )

  it.effect("ragged: each once, pages short and empty, the same every time, the last one empty", () =>
    Effect.gen(function* () {
      const all = yield* pages({ limit: 10 }, Effect.void)
      assert.strictEqual(ids(all).length, 100)
      assert.strictEqual(new Set(ids(all)).size, 100)
      assert.isAtMost(Math.max(...sizes(all)), 10)
      assert.isAbove(sizes(all).filter((size) => size > 0 && size < 10).length, 5)
      assert.isAbove(
        sizes(all)
          .slice(0, -1)
          .filter((size) => size === 0).length,
        0
      )
      assert.strictEqual(sizes(all).at(-1), 0)
      assert.deepStrictEqual(yield* pages({ limit: 10 }, Effect.void), all)
    }).pipe(withEmulator({ ...holding(100), pages: "ragged" }))
  )

  it.effect.each(["full", "ragged"] as const)("%s: what is deleted on the way hides nothing else", (kind) =>
    Effect.gen(function* () {
      const { removeSubscription, subscriptions } = yield* Emulator
      // Some that were listed and some that were not, so that there are gaps on either side of every cursor.
      const remove = Effect.flatMap(subscriptions, (held) =>
        Effect.forEach([held.at(0), held.at(7), held.at(-2)], (subscription) =>
          removeSubscription(subscription?.id ?? "")
        )
      )
      const seen = ids(yield* pages({ limit: 4 }, remove))
      assert.strictEqual(new Set(seen).size, seen.length)
      const left = yield* subscriptions
      assert.isAbove(left.length, 5)
      for (const { id } of left) assert.include(seen, id)
    }).pipe((effect) => withEmulator({ ...holding(80), pages: kind })(effect))
  )

  it.effect("a page whose entries were all deleted ends the list", () =>
    Effect.gen(function* () {
      const { list } = yield* client
      const { removeSubscription } = yield* Emulator
      const { nextPageToken } = json(yield* list({ limit: 2 }))
      yield* removeSubscription("sub_000003")
      assert.deepStrictEqual(json(yield* list({ limit: 2, nextPageToken })), { subscriptions: [] })
    }).pipe(withEmulator(holding(3)))
  )

  it.effect("a wrong limit and a token that was never given are refused", () =>
    Effect.gen(function* () {
      const { list } = yield* client
      for (const limit of [0, -1, 1.5, "x"]) assert.strictEqual((yield* list({ limit })).status, 400)
      for (const nextPageToken of ["", "garbage", "eyJhdCI6OTk5OTk5LCJwYWdlIjowfQ", "e30"]) {
        const refused = yield* list({ nextPageToken })
        assert.strictEqual(refused.status, 400)
        assert.include(json(refused).message, "nextPageToken")
      }
    }).pipe(withEmulator(holding(3)))
  )
})
