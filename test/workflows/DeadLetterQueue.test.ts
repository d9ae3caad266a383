import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema, Stream } from "effect"
import { Fault, type FaultScript } from "../../src/emulator/index.ts"
import { DeadLetterQueue, Replay } from "../../src/index.ts"
import {
  auditRecords,
  count,
  driven,
  letter,
  letters,
  listRoute,
  onEmulator,
  putRoute,
  settle,
  stats,
  topicId
} from "./support/Harness.ts"

const pageRequests = Effect.map(stats, ({ requests }) => count(requests, listRoute))

/** Pages that only consist of the token of the next. */
const chain =
  (next: (token: string) => string | null | undefined): FaultScript =>
  ({ key, route }) => {
    if (route !== "list") return undefined
    const nextPageToken = next(key)
    return Fault.Answer({ status: 200, body: JSON.stringify({ events: [], nextPageToken }) })
  }

const readAll = Effect.flatMap(DeadLetterQueue, (queue) => Stream.runCollect(queue.pages({ topicId })))

describe("the pages of a dead letter queue", () => {
  it.effect("are fetched one ahead, and no more", () =>
    Effect.gen(function* () {
      const queue = yield* DeadLetterQueue
      const asked: Array<readonly [number, number]> = []
      yield* queue.pages({ topicId, pageSize: 10 }).pipe(
        Stream.runForEach((page) =>
          Effect.gen(function* () {
            // However long the consumer holds a page.
            yield* settle
            asked.push([page.letters.length, yield* pageRequests])
          })
        )
      )
      assert.deepStrictEqual(asked, [
        [10, 2],
        [10, 3],
        [10, 4],
        [5, 4]
      ])
    }).pipe(Effect.provide(onEmulator({ queue: letters(35) })))
  )

  it.effect("are not fetched any more once the consumer has left", () =>
    Effect.gen(function* () {
      const queue = yield* DeadLetterQueue
      const taken = yield* queue.pages({ topicId, pageSize: 1 }).pipe(Stream.take(3), Stream.runCollect)
      yield* settle
      assert.strictEqual(taken.length, 3)
      assert.isAtMost(yield* pageRequests, 4)
    }).pipe(Effect.provide(onEmulator({ queue: letters(35) })))
  )

  it.effect("continue past short and empty ones, up to the one without a token", () =>
    Effect.gen(function* () {
      const pages = yield* driven(readAll)
      const entries = pages.flatMap((page) => page.letters)
      assert.strictEqual(entries.length, 300)
      assert.strictEqual(new Set(entries.map((entry) => Result.getOrUndefined(entry)?.eventId)).size, 300)
      assert.isAbove(pages.filter((page) => page.letters.length === 0).length, 1)
      assert.deepStrictEqual(
        pages.map(({ nextPageToken }) => nextPageToken === undefined),
        pages.map((_, index) => index === pages.length - 1)
      )
      assert.strictEqual(yield* pageRequests, pages.length)
    }).pipe(Effect.provide(onEmulator({ letters: 300, pages: "ragged", seed: 4 })))
  )

  it.effect.each([null, undefined])("end at a token that is %s", (end) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* readAll).length, 4)
    }).pipe(Effect.provide(onEmulator({ script: chain((token) => (token === "xxx" ? end : `${token}x`)) })))
  )

  it.effect("may be thousands, each with a token of its own", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* readAll).length, 3001)
    }).pipe(
      Effect.provide(
        onEmulator({ script: chain((token) => (token === "3000" ? undefined : String(Number(token) + 1))) })
      )
    )
  )

  it.effect("begin where they are asked to", () =>
    Effect.gen(function* () {
      const queue = yield* DeadLetterQueue
      const [first] = yield* queue.pages({ topicId, pageSize: 10 }).pipe(Stream.take(1), Stream.runCollect)
      const rest = yield* Stream.runCollect(
        queue.letters({ topicId, pageSize: 10, pageToken: first?.nextPageToken ?? "none" })
      )
      assert.deepStrictEqual(
        rest.map((entry) => Result.getOrUndefined(entry)?.eventId),
        letters(25)
          .slice(10)
          .map(({ eventId }) => eventId)
      )
    }).pipe(Effect.provide(onEmulator({ queue: letters(25) })))
  )

  const small = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

  it.effect.prop(
    "fail instead of looping: a cycle of any length, after any number of pages",
    { lead: small(0, 12), length: small(1, 10) },
    ({ lead, length }) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(readAll)
        assert.strictEqual(error._tag, "EventBridgeError")
        assert.strictEqual(error.reason._tag, "MalformedResponse")
        assert.include(error.message, "was repeated")
        assert.isAtMost(yield* pageRequests, 3 * (lead + length) + 3)
      }).pipe(
        Effect.provide(
          onEmulator({
            script: chain((token) => {
              const page = Number(token)
              return String(page + 1 < lead + length ? page + 1 : lead)
            })
          })
        )
      ),
    { arbitrary: { runs: 60 } }
  )

  it.effect("that loop stop a run, which says why", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(driven(Effect.flatMap(Replay, (replay) => replay.run({ topicId }))))
      assert.strictEqual(error._tag, "ReplayHalted")
      assert.include(error.message, `the page token "same [31m${"e".repeat(191)}…" was repeated`)
    }).pipe(Effect.provide(onEmulator({ script: chain(() => `same\u001b[31m${"e".repeat(300)}`) })))
  )

  it.effect.each([
    ["answered 503", Fault.ServerError({ status: 503, form: "html" })],
    ["reset", Fault.ResetBefore()],
    ["cut off", Fault.Truncated()],
    ["answered 429", Fault.Answer({ status: 429, headers: { "retry-after": "3" } })],
    ["refused for its token", Fault.Revoke()]
  ] as const)("survive being %s, each of them", ([, fault]) =>
    Effect.gen(function* () {
      const pages = yield* driven(
        Effect.flatMap(DeadLetterQueue, (queue) => Stream.runCollect(queue.pages({ topicId, pageSize: 10 })))
      )
      assert.deepStrictEqual(
        pages.flatMap((page) => page.letters.map((entry) => Result.getOrUndefined(entry)?.eventId)),
        letters(35).map(({ eventId }) => eventId)
      )
      assert.strictEqual(Object.values((yield* stats).faults)[0], 4)
    }).pipe(
      Effect.provide(
        onEmulator({
          queue: letters(35),
          script: ({ attempt, route }) => (route === "list" && attempt === 1 ? fault : undefined)
        })
      )
    )
  )

  it.effect.each([
    [Fault.Answer({ status: 403, body: `{"message":"not here"}` }), "Forbidden", 1],
    [Fault.Answer({ status: 404 }), "NotFound", 1],
    [Fault.Answer({ status: 400 }), "SchemaViolation", 1],
    [Fault.Answer({ status: 200, body: "<html>login</html>" }), "MalformedResponse", 1],
    [Fault.Answer({ status: 200, body: `{"items":[]}` }), "MalformedResponse", 1],
    [Fault.ResetBefore(), "MaxRetriesExceeded", 7]
  ] as const)(
    "a first one that fails for good is an EventBridgeError, and nothing is sent (%#)",
    ([fault, tag, tries]) =>
      Effect.gen(function* () {
        const replay = yield* Replay
        for (const error of [
          yield* Effect.flip(driven(readAll)),
          yield* Effect.flip(driven(replay.run({ topicId }))),
          yield* Effect.flip(driven(replay.plan({ topicId })))
        ]) {
          assert.strictEqual(error._tag, "EventBridgeError")
          if (error._tag !== "EventBridgeError") continue
          assert.strictEqual(error.operation, "ListDeadLetters")
          assert.strictEqual(error.reason._tag, tag)
          assert.strictEqual(error.tries, tries)
        }
        const seen = yield* stats
        assert.strictEqual(count(seen.requests, putRoute), 0)
        assert.deepStrictEqual(yield* auditRecords, [])
      }).pipe(
        Effect.provide(
          onEmulator(
            { queue: letters(3), script: ({ route }) => (route === "list" ? fault : undefined) },
            { breaker: { failures: 100 } }
          )
        )
      )
  )

  it.effect("hold, for an entry that cannot be read, what is wrong with it", () =>
    Effect.gen(function* () {
      const queue = yield* DeadLetterQueue
      const entries = yield* Stream.runCollect(queue.letters({ topicId }))
      const described = entries.map((entry) =>
        Result.match(entry, {
          onSuccess: ({ eventId }) => eventId,
          onFailure: ({ eventId, issue }) => [eventId, issue.length > 0]
        })
      )
      assert.deepStrictEqual(described, ["evt_0", [undefined, true], ["evt_2", true], "evt_3"])
    }).pipe(
      Effect.provide(onEmulator({ queue: [letter(0), null, letter(2, { retryCount: -1 }), letter(3, { more: [1] })] }))
    )
  )
})
