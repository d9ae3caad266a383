import { Effect, Latch } from "effect"
import type { HaltCause } from "../domain/ReplayError.ts"

/** What ends a run before its queue does. Mutable, and of one run only. */
export class Halting {
  readonly #begun = Latch.makeUnsafe(false)
  readonly #close: () => void
  #cause: HaltCause | undefined

  /** `close` makes sure that no further letter is taken. */
  constructor(close: () => void) {
    this.#close = close
  }

  /** Why the run halts; `undefined` while it does not. */
  get cause(): HaltCause | undefined {
    return this.#cause
  }

  /** Waits until the run is to halt. */
  get begun(): Effect.Effect<void> {
    return this.#begun.await
  }

  /** The first cause is the one reported, except that a failure replaces a mere stop. */
  readonly halt = (cause: HaltCause): Effect.Effect<void> =>
    Effect.sync(() => {
      if (this.#cause === undefined || this.#cause._tag === "RunStopped") this.#cause = cause
      this.#close()
      this.#begun.openUnsafe()
    })

  /** The run is complete after all: there was nothing left to do. */
  dismiss(): void {
    this.#cause = undefined
  }
}
