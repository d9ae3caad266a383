import { Result } from "effect"
import type { DeadLetter, UnreadableLetter } from "../domain/DeadLetter.ts"
import type { DeadLetterPage } from "../domain/DeadLetterPage.ts"
import * as ReplayRequest from "../domain/ReplayRequest.ts"
import { Skip } from "../domain/Skip.ts"
import type { Selection } from "./ReplayOptions.ts"

/** A letter to be sent. */
export interface Selected {
  readonly letter: DeadLetter
  readonly request: ReplayRequest.ReplayRequest
}

/** An entry of the queue that is not sent, and why. */
export interface LeftOut {
  readonly entry: Result.Result<DeadLetter, UnreadableLetter>
  readonly skip: Skip
}

/**
 * Decides letter by letter, in queue order, what is sent. Counts what it selects and stops at the limit: letters behind
 * it count as not read. Mutable, and of one run only.
 */
export class LetterSelection {
  readonly #selection: Selection
  readonly #context: ReplayRequest.ReplayContext
  #selected: number

  constructor(selection: Selection, context: ReplayRequest.ReplayContext, alreadySelected: number) {
    this.#selection = selection
    this.#context = context
    this.#selected = alreadySelected
  }

  get isFull(): boolean {
    const { limit } = this.#selection.options
    return limit !== null && this.#selected >= limit
  }

  take(page: DeadLetterPage): ReadonlyArray<Result.Result<Selected, LeftOut>> {
    const taken: Array<Result.Result<Selected, LeftOut>> = []
    for (const entry of page.letters) {
      if (this.isFull) break
      const decided = this.#decide(entry)
      if (Result.isSuccess(decided) || decided.failure.skip._tag !== "NotSelected") this.#selected++
      taken.push(decided)
    }
    return taken
  }

  #decide(entry: Result.Result<DeadLetter, UnreadableLetter>): Result.Result<Selected, LeftOut> {
    if (Result.isFailure(entry)) {
      return Result.fail({ entry, skip: Skip.UnreadableLetter({ issue: entry.failure.issue }) })
    }
    const letter = entry.success
    if (!this.#selection.includes(letter)) return Result.fail({ entry, skip: Skip.NotSelected() })
    return Result.mapBoth(ReplayRequest.build(letter, this.#context), {
      onSuccess: (request) => ({ letter, request }),
      onFailure: (skip) => ({ entry, skip })
    })
  }
}
