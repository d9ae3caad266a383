import { type Effect, Latch } from "effect"
import type { DeadLetterPage } from "../domain/DeadLetterPage.ts"
import type { ReplayOutcome } from "../domain/ReplayOutcome.ts"
import { ReplayTally } from "../domain/ReplayTally.ts"

/** A page that is not settled: how many of its letters have no outcome yet, and what became of the others. */
export interface OpenPage {
  readonly index: number
  /** Letters of the run on the pages before it. */
  readonly lettersBefore: number
  /** How many of its first letters an earlier process of the run may have sent. */
  readonly wereInFlight: number
  readonly nextPageToken: string | undefined
  readonly tally: ReplayTally
  /** Keys of its letters that failed and hold back others. */
  readonly heldKeys: Array<string>
  remaining: number
}

/** Where a run stands: what a checkpoint holds of its pages. */
export interface Position {
  readonly settledPages: number
  /** Letters that may have been sent, those of settled pages included. */
  readonly startedLetters: number
  readonly pageToken: string | undefined
}

/** Pages behind a slow letter stay in memory, some 3 KB each, and their letters would be sent again after a crash. */
const maxOpenPages = 10_000

/**
 * Which pages of a run are settled. Pages settle in order: a slow letter holds back its page and those behind it, not
 * the other letters. Mutable, and of one run only.
 */
export class PageLedger {
  /** Letters of settled pages. */
  readonly settled: ReplayTally
  /**
   * Keys held back by letters of settled pages. Those of unsettled pages are not among them: such a letter is tried
   * again when the run is resumed, and must not be held back by itself.
   */
  readonly heldKeys: Array<string>
  /** All letters with an outcome, those of unsettled pages too. */
  readonly seen: ReplayTally
  readonly #open: Array<OpenPage> = []
  readonly #room = Latch.makeUnsafe(true)
  readonly #startedBefore: number
  #opened: number
  #announced: number
  /** Number of the last letter that was taken. */
  #taken = 0
  #position: Position

  constructor(position: Position, settled: ReplayTally, heldKeys: ReadonlyArray<string>) {
    this.settled = settled
    this.heldKeys = Array.from(heldKeys)
    this.seen = new ReplayTally()
    this.seen.merge(settled)
    this.#position = position
    this.#startedBefore = position.startedLetters
    this.#opened = settled.letters
    this.#announced = settled.letters
  }

  /** Every page that was opened is settled. */
  get isSettled(): boolean {
    return this.#open.length === 0
  }

  /** Waits until another page may be opened. */
  get room(): Effect.Effect<void> {
    return this.#room.await
  }

  get position(): Position {
    return this.#position
  }

  /**
   * The page after the last one opened. What was in flight is counted in letters, not in pages: when they are read again,
   * pages may begin and end elsewhere.
   */
  open(page: DeadLetterPage, letters: number): OpenPage {
    const index = this.#position.settledPages + this.#open.length
    const opened: OpenPage = {
      index,
      lettersBefore: this.#opened,
      wereInFlight: Math.max(0, this.#startedBefore - this.#opened),
      nextPageToken: page.nextPageToken,
      tally: new ReplayTally(),
      heldKeys: [],
      remaining: letters
    }
    this.#open.push(opened)
    if (this.#open.length >= maxOpenPages) this.#room.closeUnsafe()
    this.#opened += letters
    return opened
  }

  /** This many more letters of open pages are about to be sent, once the position is saved. */
  announce(letters: number): void {
    this.#announced += letters
    this.#position = { ...this.#position, startedLetters: Math.max(this.#position.startedLetters, this.#announced) }
  }

  /** The letter of this number, counted over the run, is taken: it may be sent from now on. */
  take(number: number): void {
    if (number > this.#taken) this.#taken = number
  }

  /** No further letter is taken: those announced after the last one taken are not sent. */
  retract(): void {
    this.#position = { ...this.#position, startedLetters: Math.max(this.#startedBefore, this.#taken) }
  }

  /** Adds an outcome that is already recorded, and the key it holds back, if any. Settles the pages it completes. */
  add(page: OpenPage, outcome: ReplayOutcome, heldKey?: string): ReadonlyArray<OpenPage> {
    page.tally.add(outcome)
    if (heldKey !== undefined) page.heldKeys.push(heldKey)
    this.seen.add(outcome)
    page.remaining--
    return page.remaining === 0 ? this.settle() : []
  }

  /** Settles the finished pages at the front, empty ones too. If there are any, the position has moved. */
  settle(): ReadonlyArray<OpenPage> {
    const unfinished = this.#open.findIndex(({ remaining }) => remaining > 0)
    const settled = this.#open.splice(0, unfinished === -1 ? this.#open.length : unfinished)
    for (const { heldKeys, index, nextPageToken, tally } of settled) {
      this.settled.merge(tally)
      this.heldKeys.push(...heldKeys)
      this.#position = { ...this.#position, settledPages: index + 1, pageToken: nextPageToken }
    }
    if (this.#open.length < maxOpenPages) this.#room.openUnsafe()
    return settled
  }
}
