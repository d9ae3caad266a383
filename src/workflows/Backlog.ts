import { type Cause, Effect, Latch, MutableList, Queue, Result } from "effect"
import { Skip } from "../domain/Skip.ts"
import { KeyOrder } from "./KeyOrder.ts"
import type { LeftOut, Selected } from "./LetterSelection.ts"
import type { OpenPage } from "./PageLedger.ts"

/** A letter that was read and has no outcome yet. */
export interface QueuedLetter {
  readonly page: OpenPage
  /** Counted over the run, from 1. */
  readonly number: number
  readonly decided: Result.Result<Selected, LeftOut>
  /** An earlier process of the run may have sent it. */
  readonly wasInFlight: boolean
  /** It is sent after those of the same key that came before it. */
  readonly key: string | undefined
}

/** How many letters that wait for their key are read past to find others that can go, per letter sent at once. */
const readAhead = 32

/**
 * Both are multiplied by the concurrency. When fewer than `lowMark` letters are ready, more are announced; when
 * `highMark` letters have no outcome and do not wait for their key, reading pauses. These are enough for a service that
 * answers at once: each worker sends several letters while a checkpoint is written or a page is read. Higher marks cost
 * memory, and after a crash more letters count as possibly sent by this run, even if somebody else has replayed them.
 */
const lowMark = 4
const highMark = 12

/**
 * Letters that were read and have no outcome yet. Pages are read as long as there is room, so that workers hardly ever wait
 * for one and memory stays bounded. A letter that waits for its key holds up no other. Mutable, and of one run only.
 */
export class Backlog {
  /** One for each letter that can go. */
  readonly #permits: Queue.Queue<void, Cause.Done>
  readonly #ready = MutableList.make<QueuedLetter>()
  /** Letters whose key has become free: they came before those that are ready, and go first. */
  readonly #released = MutableList.make<QueuedLetter>()
  readonly #order: KeyOrder<QueuedLetter>
  readonly #room = Latch.makeUnsafe(true)
  readonly #low = Latch.makeUnsafe(true)
  readonly #concurrency: number
  #unfinished = 0
  #isComplete = false

  private constructor(permits: Queue.Queue<void, Cause.Done>, concurrency: number, heldKeys: ReadonlyArray<string>) {
    this.#permits = permits
    this.#order = new KeyOrder(heldKeys)
    this.#concurrency = concurrency
  }

  /** `heldKeys`: the keys of letters that failed in an earlier process of the run. */
  static make(concurrency: number, heldKeys: ReadonlyArray<string>): Effect.Effect<Backlog> {
    return Effect.map(Queue.unbounded<void, Cause.Done>(), (permits) => new Backlog(permits, concurrency, heldKeys))
  }

  /** Waits until there are few letters left that can go. */
  get runsLow(): Effect.Effect<void> {
    return this.#low.await
  }

  /** Waits until there is room for another page. */
  get room(): Effect.Effect<void> {
    return this.#room.await
  }

  /** The next letter that can go, once there is one. Ends when there will be none. */
  take(): Effect.Effect<QueuedLetter, Cause.Done> {
    return Effect.flatMap(Queue.take(this.#permits), () => {
      const released = MutableList.take(this.#released)
      const next = released === MutableList.Empty ? MutableList.take(this.#ready) : released
      if (next === MutableList.Empty) return this.take()
      this.#updateLow()
      return Effect.succeed(next)
    })
  }

  /** All pages have been added. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** This many letters are about to be added; they take up room from now on. */
  expect(letters: number): void {
    this.#unfinished += letters
    this.#updateRoom()
  }

  /** Letters that were expected, in queue order. */
  add(letters: ReadonlyArray<QueuedLetter>): void {
    for (const letter of letters) this.#admit(letter)
    this.#updateRoom()
  }

  /** A letter that was taken has its outcome. With `holds`, the later ones of its key are not to be sent. */
  finish({ key }: QueuedLetter, holds: boolean): void {
    this.#unfinished--
    if (key !== undefined && holds) for (const letter of this.#order.hold(key)) this.#holdBack(letter, key)
    if (key !== undefined && !holds) {
      const next = this.#order.release(key)
      if (next !== undefined) this.#offer(this.#released, next)
    }
    this.#updateRoom()
    this.#endWhenDone()
  }

  /** There are no further pages. */
  complete(): void {
    this.#isComplete = true
    this.#endWhenDone()
  }

  /**
   * Ends `take` for everyone, now and later: there is nothing more to do. Letters that are ready can still be taken.
   */
  close(): void {
    Queue.endUnsafe(this.#permits)
  }

  #admit(letter: QueuedLetter): void {
    const { key } = letter
    const admitted = key === undefined ? "go" : this.#order.admit(key, letter)
    if (admitted === "go") this.#offer(this.#ready, letter)
    if (key !== undefined && admitted === "held") this.#holdBack(letter, key)
  }

  /** It still gets its own outcome, as a letter that is not sent. */
  #holdBack(letter: QueuedLetter, key: string): void {
    const decided = Result.flatMap(letter.decided, (selected) =>
      Result.fail<LeftOut>({ entry: Result.succeed(selected.letter), skip: Skip.HeldBack({ key }) })
    )
    this.#offer(this.#ready, { ...letter, decided, key: undefined })
  }

  #offer(letters: MutableList.MutableList<QueuedLetter>, letter: QueuedLetter): void {
    MutableList.append(letters, letter)
    this.#updateLow()
    Queue.offerUnsafe(this.#permits, undefined)
  }

  #updateLow(): void {
    const canGo = this.#ready.length + this.#released.length
    if (canGo < lowMark * this.#concurrency) this.#low.openUnsafe()
    else this.#low.closeUnsafe()
  }

  #updateRoom(): void {
    const { waiting } = this.#order
    const isFull =
      this.#unfinished - waiting >= highMark * this.#concurrency || this.#unfinished >= readAhead * this.#concurrency
    if (isFull) this.#room.closeUnsafe()
    else this.#room.openUnsafe()
  }

  #endWhenDone(): void {
    if (this.#isComplete && this.#unfinished === 0) this.close()
  }
}
