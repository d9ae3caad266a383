import { type Cause, type Duration, Effect, Pull, Queue, Result } from "effect"
import type { ReplayOutcome } from "../domain/ReplayOutcome.ts"
import { Metrics } from "../services/Metrics.ts"
import type { Backlog, QueuedLetter } from "./Backlog.ts"
import type { Halting } from "./Halting.ts"
import * as LetterReplay from "./LetterReplay.ts"
import type { PageLedger } from "./PageLedger.ts"
import type { RunWatch } from "./RunWatch.ts"
import type * as Settlement from "./Settlement.ts"

/**
 * Outcomes that may wait to be recorded, per letter sent at once; that many are recorded together. With fewer, workers
 * wait for the disk; with more, a full disk leaves more letters sent but not recorded.
 */
const maxWaiting = 2

const together = <E1, R1, E2, R2>(one: Effect.Effect<void, E1, R1>, other: Effect.Effect<void, E2, R2>) =>
  Effect.all([one, other], { concurrency: "unbounded", discard: true })

/**
 * Takes letters from the backlog, sends `concurrency` of them at once, settles those that have an outcome, and hands the
 * outcomes on. Runs beside `reading`, which fills the backlog, and ends when the backlog does. When the run halts, reading
 * ends, and letters in flight have `gracePeriod` to finish.
 */
export const make = Effect.fnUntraced(function* (run: {
  readonly concurrency: number
  readonly gracePeriod: Duration.Input
  readonly ledger: PageLedger
  readonly backlog: Backlog
  readonly halting: Halting
  readonly watch: RunWatch
  readonly settle: Settlement.Settle
  readonly handOn: (outcomes: ReadonlyArray<ReplayOutcome>) => Effect.Effect<unknown>
}) {
  const { backlog, concurrency, gracePeriod, halting, handOn, ledger, settle, watch } = run
  const metrics = yield* Metrics
  const replay = yield* LetterReplay.make
  const processed = yield* Queue.bounded<Settlement.Processed, Cause.Done>(maxWaiting * concurrency)
  let inFlight = 0

  const countInFlight = (more: number) => {
    inFlight += more
    return metrics.inFlight(more)
  }

  const outcomeOf = ({ decided, wasInFlight }: QueuedLetter) =>
    Result.isSuccess(decided)
      ? replay(decided.success, wasInFlight)
      : Effect.succeed(LetterReplay.leftOut(decided.failure))

  const processLetter = (letter: QueuedLetter) => {
    ledger.take(letter.number)
    return Effect.andThen(countInFlight(1), watch.letter(letter.page, letter.decided, outcomeOf(letter))).pipe(
      Effect.flatMap((outcome) => Queue.offer(processed, { letter, outcome }))
    )
  }

  const worker = backlog.take().pipe(
    Effect.flatMap((letter) => (halting.cause === undefined ? processLetter(letter) : Effect.void)),
    Effect.forever({ disableYield: true }),
    Pull.catchDone(() => Effect.void),
    Effect.catch(halting.halt)
  )
  const workers = Effect.replicateEffect(worker, concurrency, { concurrency: "unbounded", discard: true })

  const settleGroup = (group: ReadonlyArray<Settlement.Processed>) =>
    settle(group).pipe(
      Effect.flatMap((tooMany) => (tooMany === undefined ? Effect.void : halting.halt(tooMany))),
      Effect.andThen(Effect.suspend(() => countInFlight(-group.length))),
      Effect.andThen(Effect.suspend(() => handOn(group.map(({ outcome }) => outcome)))),
      Effect.catch(halting.halt)
    )

  const settling = Queue.takeAll(processed).pipe(
    Effect.flatMap(settleGroup),
    Effect.forever({ disableYield: true }),
    Pull.catchDone(() => Effect.void)
  )

  const sending = (reading: Effect.Effect<void>) =>
    together(Effect.raceFirst(halting.begun, reading), workers).pipe(
      // Letters still in flight then are cut off: not failed, but tried again when the run is resumed.
      Effect.raceFirst(Effect.andThen(halting.begun, Effect.sleep(gracePeriod))),
      Effect.ensuring(Queue.end(processed))
    )

  return (reading: Effect.Effect<void>): Effect.Effect<void> =>
    together(sending(reading), settling).pipe(
      // Letters that were cut off, or could not be recorded.
      Effect.ensuring(Effect.suspend(() => countInFlight(-inFlight)))
    )
})
