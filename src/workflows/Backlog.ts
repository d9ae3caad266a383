import { type Cause, Effect, Latch, Queue } from "effect"

/**
 * Letters that were read and have no outcome yet. Reading goes on while there is room, so that those who work never
 * wait for a page while memory stays bounded. Mutable, and of one run only.
 */
export class Backlog<Item> {
  readonly #ready: Queue.Queue<Item, Cause.Done>
  readonly #room = Latch.makeUnsafe(true)
  readonly #limit: number
  #unfinished = 0
  #isComplete = false

  private constructor(ready: Queue.Queue<Item, Cause.Done>, concurrency: number) {
    this.#ready = ready
    this.#limit = 2 * concurrency
  }

  static make<Item>(concurrency: number): Effect.Effect<Backlog<Item>> {
    return Effect.map(Queue.unbounded<Item, Cause.Done>(), (ready) => new Backlog(ready, concurrency))
  }

  /** Waits until there is room for another page. */
  get room(): Effect.Effect<void> {
    return this.#room.await
  }

  /** The next letter, once there is one. Ends when there will be none. */
  get take(): Effect.Effect<Item, Cause.Done> {
    return Queue.take(this.#ready)
  }

  /** The letters of a page, in queue order. */
  add(items: ReadonlyArray<Item>): void {
    this.#unfinished += items.length
    Queue.offerAllUnsafe(this.#ready, items)
    if (!this.#hasRoom) this.#room.closeUnsafe()
  }

  /** A letter that was taken has its outcome. */
  finish(): void {
    this.#unfinished--
    if (this.#hasRoom) this.#room.openUnsafe()
    this.#endWhenDone()
  }

  /** Nothing more is to be done: those who work find no further letter. */
  close(): void {
    Queue.endUnsafe(this.#ready)
  }

  /** There are no further pages. */
  complete(): void {
    this.#isComplete = true
    this.#endWhenDone()
  }

  get #hasRoom(): boolean {
    return this.#unfinished < this.#limit
  }

  #endWhenDone(): void {
    if (this.#isComplete && this.#unfinished === 0) this.close()
  }
}
