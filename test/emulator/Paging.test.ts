import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { DeadLetter } from "../../src/domain/DeadLetter.ts"
import { json, list, pages, token, topicId, withEmulator } from "./Harness.ts"

const ids = (all: ReadonlyArray<{ readonly events: ReadonlyArray<{ readonly eventId: string }> }>) =>
  all.flatMap(({ events }) => events.map(({ eventId }) => eventId))

describe("emulator: pages", () => {
  it.effect.each([
    [1, 7],
    [50, 500],
    [100, 500],
    [1000, 1000],
    [7, 0]
  ])("of %s hold all %s letters once", ([limit, count]) =>
    Effect.gen(function* () {
      const all = yield* pages(yield* token, limit!)
      assert.strictEqual(all.length, Math.max(1, Math.ceil(count! / limit!)))
      const seen = ids(all)
      assert.strictEqual(seen.length, count)
      assert.strictEqual(new Set(seen).size, count)
    }).pipe((effect) => withEmulator({ letters: count! })(effect))
  )

  it.effect("that are ragged hold every letter once, are short and empty, and end empty", () =>
    Effect.gen(function* () {
      const all = yield* pages(yield* token, 20)
      const seen = ids(all)
      assert.strictEqual(seen.length, 500)
      assert.strictEqual(new Set(seen).size, 500)
      const sizes = all.map(({ events }) => events.length)
      assert.isAbove(sizes.slice(0, -1).filter((size) => size === 0).length, 0)
      assert.isAbove(sizes.filter((size) => size > 0 && size < 20).length, 10)
      assert.strictEqual(sizes.at(-1), 0)
      assert.isAtMost(Math.max(...sizes), 20)
    }).pipe(withEmulator({ pages: "ragged" }))
  )

  it.effect("are the same for the same token, and again in an emulator with the same seed", () =>
    Effect.gen(function* () {
      const all = yield* pages(yield* token, 20)
      assert.deepStrictEqual(yield* pages(yield* token, 20), all)
      const other = Effect.flatMap(token, (bearer) => pages(bearer, 20))
      assert.deepStrictEqual(yield* withEmulator({ pages: "ragged", seed: 3 })(other), all)
      assert.notDeepEqual(yield* withEmulator({ pages: "ragged", seed: 4 })(other), all)
    }).pipe(withEmulator({ pages: "ragged", seed: 3 }))
  )

  it.effect("hold 1000 letters at most and 50 when no limit is given", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      assert.strictEqual(json(yield* list(bearer, { limit: 5000 })).events.length, 1000)
      assert.strictEqual(json(yield* list(bearer)).events.length, 50)
      assert.strictEqual((yield* list(bearer, { limit: 0 })).status, 400)
      assert.strictEqual((yield* list(bearer, { limit: "1.5" })).status, 400)
    }).pipe(withEmulator({ letters: 2000 }))
  )

  it.effect("of another topic are empty; a token that was never given is refused", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      assert.deepStrictEqual(json(yield* list(bearer, { topicId: "other" })), { events: [] })
      for (const nextPageToken of ["", "garbage", "eyJhdCI6OTk5OTk5LCJwYWdlIjowfQ", "e30"]) {
        const refused = yield* list(bearer, { nextPageToken })
        assert.strictEqual(refused.status, 400)
        assert.isString(json(refused).message)
      }
    }).pipe(withEmulator())
  )

  it.effect("hold letters of the contract that a run may replay", () =>
    Effect.gen(function* () {
      const [page] = yield* pages(yield* token, 500)
      for (const event of page!.events) {
        const letter = yield* Schema.decodeUnknownEffect(DeadLetter)(event)
        assert.strictEqual(letter.topicId, topicId)
        assert.match(letter.eventId, /^evt_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
        assert.isTrue((letter.retryCount ?? 0) <= 4)
      }
      assert.isAbove(new Set(page!.events.map(({ failureReason }) => failureReason)).size, 3)
    }).pipe(withEmulator())
  )

  it.effect("hold the shares asked for of letters past their retries and of large ones", () =>
    Effect.gen(function* () {
      const [page] = yield* pages(yield* token, 1000)
      const past = page!.events.filter(({ retryCount }) => (retryCount ?? 0) > 4).length
      const large = page!.events.filter(({ payload }) => JSON.stringify(payload).length > 262_144).length
      assert.isTrue(past > 60 && past < 140, `${past}`)
      assert.isTrue(large > 5 && large < 40, `${large}`)
    }).pipe(withEmulator({ letters: 1000, pastRetries: 0.1, oversize: 0.02 }))
  )
})
