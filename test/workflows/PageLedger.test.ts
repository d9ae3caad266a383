import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Result, Schema } from "effect"
import { LosslessJson, ReplayOutcome } from "../../src/index.ts"
import { ReplayTally } from "../../src/domain/ReplayTally.ts"
import { PageLedger } from "../../src/workflows/PageLedger.ts"

const outcome = (id: string) =>
  ReplayOutcome.Accepted({
    eventId: id,
    letter: { eventId: id, topicId: "t" },
    idempotencyKey: id,
    latencyMillis: 1,
    receipt: undefined,
    confirmedBy: "UnreadableReceipt"
  })

const page = (index: number, last: boolean) => ({
  token: index === 0 ? undefined : `token-${index}`,
  nextPageToken: last ? undefined : `token-${index + 1}`,
  letters: []
})

const sizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 }))).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(12)
)
const draws = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(30)
)
const started = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))

describe("the ledger of pages", () => {
  it.effect("has no room with 10,000 pages behind an unfinished one, and all of it once that is finished", () =>
    Effect.gen(function* () {
      const ledger = new PageLedger({ settledPages: 0, startedLetters: 0, pageToken: undefined }, new ReplayTally(), [])
      const first = ledger.open(page(0, false), 1)
      for (let index = 1; index < 10_000; index++) {
        if (index % 1000 === 0) yield* ledger.room
        assert.deepStrictEqual(ledger.add(ledger.open(page(index, false), 1), outcome(`evt_${index}`)), [])
      }
      const waiting = yield* Effect.forkChild(ledger.room, { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      assert.lengthOf(ledger.add(first, outcome("evt_0")), 10_000)
      yield* Fiber.join(waiting)
      assert.strictEqual(ledger.position.settledPages, 10_000)
      assert.strictEqual(ledger.position.pageToken, "token-10000")
    })
  )

  it("once no further letter is taken, counts as started what was taken, or may have been by an earlier process", () => {
    const startedIn = (startedLetters: number, taken: number) => {
      const ledger = new PageLedger({ settledPages: 0, startedLetters, pageToken: undefined }, new ReplayTally(), [])
      const opened = [ledger.open(page(0, false), 4), ledger.open(page(1, true), 3)]
      assert.deepStrictEqual(
        opened.map(({ lettersBefore }) => lettersBefore),
        [0, 4]
      )
      ledger.announce(7)
      assert.strictEqual(ledger.position.startedLetters, Math.max(7, startedLetters))
      for (let number = 1; number <= taken; number++) ledger.take(number)
      // One that has waited for its key comes after those behind it.
      if (taken > 0) ledger.take(1)
      ledger.retract()
      return ledger.position.startedLetters
    }
    assert.strictEqual(startedIn(0, 5), 5)
    assert.strictEqual(startedIn(0, 0), 0)
    assert.strictEqual(startedIn(6, 5), 6)
    assert.strictEqual(startedIn(9, 5), 9)
  })

  it.prop(
    "settles pages in order, never past an unfinished one, whatever order letters end in",
    { sizes, draws, started },
    ({ draws: order, sizes: pages, started: startedLetters }) => {
      const ledger = new PageLedger({ settledPages: 0, startedLetters, pageToken: undefined }, new ReplayTally(), [])
      const left = [...pages]
      let opened = 0
      let done = 0
      let step = 0
      const open: Array<{ readonly index: number; readonly page: ReturnType<PageLedger["open"]> }> = []
      const lettersOf = (count: number) => pages.slice(0, count).reduce((total, size) => total + size, 0)
      const draw = () => order[step++ % order.length] ?? 0

      const check = () => {
        const { pageToken, settledPages, startedLetters: reached } = ledger.position
        const settled = left.slice(0, opened).findIndex((remaining) => remaining > 0)
        assert.strictEqual(settledPages, settled === -1 ? opened : settled)
        assert.strictEqual(
          pageToken,
          settledPages === 0 || settledPages === pages.length ? undefined : `token-${settledPages}`
        )
        assert.strictEqual(reached, Math.max(startedLetters, lettersOf(opened)))
        assert.strictEqual(ledger.isSettled, settledPages === opened)
        assert.strictEqual(ledger.seen.letters, done)
        assert.strictEqual(ledger.settled.letters, lettersOf(settledPages))
      }

      const openNext = () => {
        const next = ledger.open(page(opened, opened === pages.length - 1), pages[opened] ?? 0)
        assert.strictEqual(next.index, opened)
        assert.strictEqual(next.wereInFlight, Math.max(0, startedLetters - lettersOf(opened)))
        open.push({ index: opened, page: next })
        ledger.settle()
        // Read, and not about to be sent yet.
        assert.strictEqual(ledger.position.startedLetters, Math.max(startedLetters, lettersOf(opened)))
        ledger.announce(pages[opened] ?? 0)
        opened++
        check()
      }

      while (opened < pages.length || left.some((remaining) => remaining > 0)) {
        const unfinished = open.filter(({ index }) => (left[index] ?? 0) > 0)
        const chosen = unfinished[draw() % Math.max(1, unfinished.length)]
        if (chosen === undefined || (opened < pages.length && draw() % 3 === 0)) {
          openNext()
          continue
        }
        const before = ledger.position.settledPages
        left[chosen.index] = (left[chosen.index] ?? 0) - 1
        done++
        const settled = ledger.add(chosen.page, outcome(`${chosen.index}-${done}`))
        assert.deepStrictEqual(
          settled.map(({ index }) => index),
          Array.from({ length: ledger.position.settledPages - before }, (_, index) => before + index)
        )
        check()
      }
      assert.strictEqual(ledger.position.settledPages, pages.length)
      assert.deepStrictEqual(ledger.settled.snapshot(), ledger.seen.snapshot())
      // What a checkpoint keeps of it comes back as it was.
      const kept = Result.getOrThrow(LosslessJson.parse(JSON.stringify(ledger.settled.snapshot())))
      assert.deepStrictEqual(kept, ledger.settled.snapshot())
    },
    { arbitrary: { runs: 300 } }
  )
})
