import type { CircuitBreaker } from "effect/persistence"
import type { Operation } from "../domain/Operation.ts"

/** Whether the service answers at all, by the tries of every call. Mutable, and of one transport only. */
export class ServiceHealth {
  #lastAnswer = Number.NEGATIVE_INFINITY
  #downSince: number | undefined
  /** Answers that were a rate limit. */
  limits = 0
  readonly #pauses = new Map<Operation, number>()

  note(outcome: CircuitBreaker.Outcome, now: number): void {
    if (outcome._tag === "Success") {
      this.#lastAnswer = now
      this.#downSince = undefined
    }
    if (outcome._tag === "Failure") this.#downSince ??= now
  }

  hasAnsweredSince(time: number): boolean {
    return this.#lastAnswer > time
  }

  /** A pause that the service asked for, for calls of one kind. */
  notePause(operation: Operation, until: number): void {
    this.#pauses.set(operation, until)
  }

  /** Milliseconds that are left of it. */
  pauseFor(operation: Operation, now: number): number {
    return Math.max(0, (this.#pauses.get(operation) ?? 0) - now)
  }

  /** Milliseconds since the first failure that no answer followed, counted from `since` if that is later. */
  isDownFor(now: number, since = Number.NEGATIVE_INFINITY): number {
    return this.#downSince === undefined ? 0 : now - Math.max(this.#downSince, since)
  }
}
