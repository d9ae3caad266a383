import { type Cause, Clock, type Duration, Effect, Fiber, Latch, Pull, Queue, Result, Stream } from "effect"
import { clientVersion } from "../domain/ClientVersion.ts"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import { type HaltCause, ReplayHalted, RunStopped } from "../domain/ReplayError.ts"
import type { ReplayOutcome } from "../domain/ReplayOutcome.ts"
import { countsOf, type ReplayReport } from "../domain/ReplayReport.ts"
import type * as ReplayRequest from "../domain/ReplayRequest.ts"
import { ReplayTally } from "../domain/ReplayTally.ts"
import { Audit } from "../services/Audit.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import { Metrics } from "../services/Metrics.ts"
import { Notifier } from "../services/Notifier.ts"
import { Backlog, type QueuedLetter } from "./Backlog.ts"
import * as CheckpointWriter from "./CheckpointWriter.ts"
import * as LetterReplay from "./LetterReplay.ts"
import { LetterSelection } from "./LetterSelection.ts"
import { PageLedger } from "./PageLedger.ts"
import * as PageReader from "./PageReader.ts"
import { defaultMaxFailureShare, type RunIdentity, type Selection } from "./ReplayOptions.ts"
import type * as RunClaim from "./RunClaim.ts"
import * as RunWatch from "./RunWatch.ts"
import * as Settlement from "./Settlement.ts"

/** A run that has started: nothing is sent until its outcomes are pulled. */
export interface ReplayRun {
  readonly runId: string
  /**
   * What became of each letter, as it is known and recorded. Fails with `ReplayHalted` when the run stops before the end
   * of the queue, or with the `EventBridgeError` itself when not even a first page could be read. Whoever ceases to pull
   * them, or is interrupted, stops the run: that takes as long as letters are in flight, within `gracePeriod`. Pulled for
   * the first time when the scope it was started in has closed, the run halts as one that was stopped.
   */
  readonly outcomes: Stream.Stream<ReplayOutcome, EventBridgeError | ReplayHalted>
  /** The report as it stands: final once `outcomes` has ended. */
  readonly report: Effect.Effect<ReplayReport>
  /**
   * Takes no further letter. Returns at once: those in flight still have `gracePeriod` to finish, then `outcomes` fails
   * with `ReplayHalted` for `RunStopped`. Without effect on a run that has ended.
   */
  readonly stop: Effect.Effect<void>
}

const defaultConcurrency = 16
const defaultGracePeriod: Duration.Input = "10 seconds"

/**
 * Outcomes that may wait to be recorded, for each letter that is sent at once; as many are recorded together. With fewer,
 * those who send wait for the disk; with more, more is sent that cannot be recorded, should it be full.
 */
const maxWaiting = 2

/** Starts a run that was claimed, or resumes it where it was cut off. */
export const start = Effect.fnUntraced(function* (
  selection: Selection,
  identity: RunIdentity,
  { checkpoint: origin, lease }: RunClaim.Claimed
) {
  const audit = yield* Audit
  const clock = yield* Clock.Clock
  const http = yield* EventBridgeHttp
  const metrics = yield* Metrics
  const notifier = yield* Notifier
  const replay = yield* LetterReplay.make
  const { options } = selection
  const {
    concurrency = defaultConcurrency,
    gracePeriod = defaultGracePeriod,
    maxFailureShare = defaultMaxFailureShare
  } = identity

  const { initiatedAt, runId } = origin
  const claimedAt = clock.monotonicTimeNanosUnsafe()
  const watch = yield* RunWatch.start(runId, options)
  yield* watch.within(http.authorize(["ListDeadLetters", "ReplayEvent"]))

  const context: ReplayRequest.ReplayContext = {
    initiatedAt,
    clientVersion,
    maxAttempts: options.maxAttempts,
    destination: options.destination ?? undefined
  }
  const ledger = new PageLedger(
    {
      settledPages: origin.settledPages,
      startedLetters: origin.startedLetters,
      pageToken: origin.pageToken ?? undefined
    },
    ReplayTally.restore(origin.tally),
    origin.heldKeys
  )
  const letters = new LetterSelection(selection, context, ledger.settled.selected)
  const backlog = yield* Backlog.make(concurrency, origin.heldKeys)
  const notifications = yield* notifier.start
  const halting = yield* Latch.make()
  const processed = yield* Queue.bounded<Settlement.Processed, Cause.Done>(maxWaiting * concurrency)
  const published = yield* Queue.bounded<ReplayOutcome, EventBridgeError | ReplayHalted | Cause.Done>(concurrency)

  let halted: HaltCause | undefined
  let hasDied = false
  let notified: ReplayReport["notifications"] = { delivered: 0, failed: 0, dropped: 0 }
  let final: ReplayReport | undefined
  let inFlight = 0

  const elapsedMillis = (): number =>
    origin.elapsedMillis + Math.round(Number(clock.monotonicTimeNanosUnsafe() - claimedAt) / 1e6)

  const why = (): string | undefined =>
    hasDied ? "a defect ended it, which is in the failure of its outcomes" : halted?.message

  const makeReport = (status: ReplayReport["status"]) =>
    Effect.map(audit.head, (auditHead): ReplayReport => {
      const reason = why()
      return {
        runId,
        topicId: options.topicId,
        status,
        initiatedAt,
        ...countsOf(ledger.seen),
        seconds: elapsedMillis() / 1000,
        notifications: notified,
        auditHead: auditHead?.hash ?? null,
        stopped: {
          pages: ledger.position.settledPages,
          ...(status === "halted" && ledger.position.pageToken !== undefined
            ? { pageToken: ledger.position.pageToken }
            : {}),
          ...(reason === undefined ? {} : { why: reason })
        }
      }
    })

  const checkpoint = yield* CheckpointWriter.make({
    origin,
    lease,
    ledger,
    status: () => ({ elapsedMillis: elapsedMillis(), halted: halted?.message ?? null })
  })

  const reader = yield* PageReader.make({ selection, letters, ledger, backlog, checkpoint, watch })

  const settle = yield* Settlement.make({
    runId,
    options,
    maxFailureShare,
    ledger,
    backlog,
    checkpoint,
    notifications,
    watch
  })

  const report = Effect.suspend(() => (final === undefined ? makeReport("running") : Effect.succeed(final)))

  /** Ends the run early. The first cause is the one reported, except that a failure takes the place of a mere stop. */
  const halt = (cause: HaltCause) =>
    Effect.sync(() => {
      if (halted === undefined || halted._tag === "RunStopped") halted = cause
      backlog.close()
      halting.openUnsafe()
    })
  yield* Effect.forkScoped(Effect.catch(lease.lost, halt))

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
    Effect.flatMap((letter) => (halted === undefined ? processLetter(letter) : Effect.void)),
    Effect.forever({ disableYield: true }),
    Pull.catchDone(() => Effect.void),
    Effect.catch(halt)
  )

  const workers = Effect.forEach(Array.from({ length: concurrency }), () => worker, {
    concurrency: "unbounded",
    discard: true
  })

  const reading = together(Effect.catch(reader.read, halt), Effect.catch(reader.announce, halt))

  const sending = together(Effect.raceFirst(halting.await, reading), workers).pipe(
    // Letters still in flight then are cut off: not failed, but tried again when the run is resumed.
    Effect.raceFirst(Effect.andThen(halting.await, Effect.sleep(gracePeriod))),
    Effect.ensuring(Queue.end(processed))
  )

  const settleGroup = (group: ReadonlyArray<Settlement.Processed>) =>
    settle(group).pipe(
      Effect.flatMap((tooMany) => (tooMany === undefined ? Effect.void : halt(tooMany))),
      Effect.andThen(Effect.suspend(() => countInFlight(-group.length))),
      Effect.andThen(
        Queue.offerAll(
          published,
          group.map(({ outcome }) => outcome)
        )
      ),
      Effect.catch(halt)
    )

  const settling = Queue.takeAll(processed).pipe(
    Effect.flatMap(settleGroup),
    Effect.forever({ disableYield: true }),
    Pull.catchDone(() => Effect.void)
  )

  const isDone = (): boolean => reader.isAtEnd && ledger.isSettled

  /** A run whose completion is kept is complete, whatever it is asked from then on. */
  const complete = Effect.gen(function* () {
    const completed = yield* makeReport("completed")
    yield* checkpoint.complete(completed)
    halted = undefined
    final = completed
  })

  const finish = Effect.gen(function* () {
    notified = yield* notifications.drain
    // Asked to stop, but there was nothing left to do.
    if (halted?._tag === "RunStopped" && isDone()) halted = undefined
    ledger.retract()
    if (halted === undefined) yield* Effect.catch(complete, halt)
    else if (reader.isAnyPageRead) yield* Effect.catch(checkpoint.save, halt)
  })

  const conclude = Effect.gen(function* () {
    if (halted === undefined) return
    const reason = halted
    final = yield* makeReport("halted")
    if (!reader.isAnyPageRead && reason._tag === "EventBridgeError") return yield* reason
    return yield* new ReplayHalted({ reason, report: final })
  })

  /** The defect itself is the failure of `outcomes`; here only the report is made final. */
  const die = Effect.gen(function* () {
    if (final !== undefined) return
    hasDied = true
    final = yield* makeReport("halted")
  })

  const work = together(sending, settling).pipe(
    // Those that were cut off, or could not be recorded.
    Effect.ensuring(Effect.suspend(() => countInFlight(-inFlight))),
    Effect.andThen(finish),
    Effect.andThen(conclude),
    Effect.onError(() => die),
    (self) => watch.around(self, report)
  )

  const stop = Effect.suspend(() => (final === undefined ? halt(new RunStopped()) : Effect.void))

  let working: Fiber.Fiber<unknown> | undefined
  // Once, however many pull. A fiber of its own: the interruption of whoever pulls does not cut off what is in flight.
  const begin = yield* Effect.cached(
    Effect.map(Effect.forkDetach(Queue.into(work, published)), (fiber) => {
      working = fiber
    })
  )

  /** When nobody pulls any more: what is in flight is awaited, and nobody is left to tell but the log. */
  const abandon = Effect.gen(function* () {
    if (working === undefined || working.pollUnsafe() !== undefined) return
    yield* stop
    // Outcomes that nobody pulls any more must not block the run; a failure of the run is in its report.
    yield* Effect.exit(Effect.forever(Queue.takeAll(published)))
    yield* Fiber.await(working)
    const { letters: read, status, stopped } = yield* report
    if (status === "halted") yield* Effect.logInfo(`run ${runId} halted after ${read} letters: ${stopped.why}`)
  })
  /** Whoever pulls from now on learns that the run has stopped. */
  const giveUp = Effect.gen(function* () {
    yield* stop
    final = yield* makeReport("halted")
  })
  // Before what the run works with is given back.
  yield* Effect.addFinalizer(() => (working === undefined ? giveUp : abandon))

  const outcomes = Stream.unwrap(
    Effect.gen(function* () {
      yield* Effect.uninterruptible(begin)
      yield* Effect.addFinalizer(() => abandon)
      return Stream.fromQueue(published)
    })
  )

  return { runId, outcomes, report, stop } satisfies ReplayRun
})

const together = <E1, R1, E2, R2>(one: Effect.Effect<void, E1, R1>, other: Effect.Effect<void, E2, R2>) =>
  Effect.all([one, other], { concurrency: "unbounded", discard: true })

/** A run that is complete: nothing is sent. */
export const finished = (report: ReplayReport): ReplayRun => ({
  runId: report.runId,
  outcomes: Stream.empty,
  report: Effect.succeed(report),
  stop: Effect.void
})
