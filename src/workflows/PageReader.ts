import { type Cause, Effect, Pull, Queue, Result, Stream } from "effect"
import type { DeadLetterPage } from "../domain/DeadLetterPage.ts"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import type { LeaseLost } from "../domain/Lease.ts"
import type { CheckpointError } from "../domain/ReplayError.ts"
import type { Backlog, QueuedLetter } from "./Backlog.ts"
import type { CheckpointWriter } from "./CheckpointWriter.ts"
import { DeadLetterQueue } from "./DeadLetterQueue.ts"
import type { LetterSelection } from "./LetterSelection.ts"
import type { PageLedger } from "./PageLedger.ts"
import type { Selection } from "./ReplayOptions.ts"
import type { RunWatch } from "./RunWatch.ts"

/** Reads the queue of a run ahead of the senders. Both effects are to be run once, concurrently. */
export interface PageReader {
  /**
   * Reads from where the run stands to the end of the queue, or to the limit of the run. Pauses while the backlog is full,
   * or too many pages are unsettled.
   */
  readonly read: Effect.Effect<void, EventBridgeError>
  /** Hands what was read over to the backlog, once a checkpoint counts it as started; completes it at the end. */
  readonly announce: Effect.Effect<void, CheckpointError | LeaseLost>
  readonly isAnyPageRead: boolean
  /** The run has nothing more to read: at the end of the queue, or at its limit. */
  readonly isAtEnd: boolean
}

export const make = Effect.fnUntraced(function* (run: {
  readonly selection: Selection
  readonly letters: LetterSelection
  readonly ledger: PageLedger
  readonly backlog: Backlog
  readonly checkpoint: CheckpointWriter
  readonly watch: RunWatch
}) {
  const { backlog, checkpoint, ledger, letters, selection, watch } = run
  const queue = yield* DeadLetterQueue
  const unannounced = yield* Queue.unbounded<ReadonlyArray<QueuedLetter>, Cause.Done>()
  let isAnyPageRead = false

  const open = Effect.fnUntraced(function* (page: DeadLetterPage) {
    isAnyPageRead = true
    const decided = letters.take(page)
    const opened = ledger.open(page, decided.length)
    yield* watch.opened(opened, decided.length)
    yield* watch.settled(ledger.settle())
    backlog.expect(decided.length)
    yield* Queue.offer(
      unannounced,
      decided.map((letter, index): QueuedLetter => ({
        page: opened,
        number: opened.lettersBefore + index + 1,
        decided: letter,
        wasInFlight: index < opened.wereInFlight,
        key: Result.isSuccess(letter) ? selection.keyOf(letter.success.letter) : undefined
      }))
    )
    yield* ledger.room
    yield* backlog.room
    return !letters.isFull
  })

  const isAtEnd = (): boolean =>
    letters.isFull || (ledger.position.settledPages > 0 && ledger.position.pageToken === undefined)

  const read = Effect.suspend(() => {
    const { pageSize, topicId } = selection.options
    return isAtEnd()
      ? Effect.void
      : Stream.runForEachWhile(queue.pages({ topicId, pageSize, pageToken: ledger.position.pageToken }), open)
  }).pipe(Effect.andThen(Queue.end(unannounced)))

  /**
   * A checkpoint counts letters as possibly sent before the first of them is sent: after a crash, a 409 for one of them
   * is then known to be our own doing. One checkpoint serves all pages read by the time the senders are about to run
   * out of letters.
   */
  const announce = backlog.runsLow.pipe(
    Effect.andThen(Queue.takeAll(unannounced)),
    Effect.map((pages) => pages.flat()),
    Effect.tap((found) => {
      ledger.announce(found.length)
      return checkpoint.save
    }),
    Effect.map((found) => backlog.add(found)),
    Effect.forever({ disableYield: true }),
    Pull.catchDone(() => {
      backlog.complete()
      // Otherwise what has settled so far would not be saved until the next page settles.
      return checkpoint.save
    })
  )

  return {
    read,
    announce,
    get isAnyPageRead() {
      return isAnyPageRead
    },
    get isAtEnd() {
      return isAtEnd()
    }
  } satisfies PageReader
})
