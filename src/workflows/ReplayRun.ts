import { type Cause, Clock, type Duration, Effect, Fiber, Queue, Stream } from "effect"
import { clientVersion } from "../domain/ClientVersion.ts"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import { ReplayHalted, RunStopped } from "../domain/ReplayError.ts"
import type { ReplayOutcome } from "../domain/ReplayOutcome.ts"
import { countsOf, type ReplayReport } from "../domain/ReplayReport.ts"
import type * as ReplayRequest from "../domain/ReplayRequest.ts"
import { ReplayTally } from "../domain/ReplayTally.ts"
import { Audit } from "../services/Audit.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import { Notifier } from "../services/Notifier.ts"
import { Backlog } from "./Backlog.ts"
import * as CheckpointWriter from "./CheckpointWriter.ts"
import { Halting } from "./Halting.ts"
import * as LetterPipeline from "./LetterPipeline.ts"
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
   * The outcome of each letter, once it is known and recorded. Fails with `ReplayHalted` when the run stops before the
   * end of the queue, or with the `EventBridgeError` itself when not even a first page could be read. No longer pulling
   * them, or interrupting whoever pulls, stops the run and waits for the letters in flight, up to `gracePeriod`. If
   * they are first pulled after the scope the run was started in has closed, the run halts as stopped.
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

/** Starts a run that was claimed, or resumes it where it was cut off. */
export const start = Effect.fnUntraced(function* (
  selection: Selection,
  identity: RunIdentity,
  { checkpoint: origin, lease }: RunClaim.Claimed
) {
  const audit = yield* Audit
  const clock = yield* Clock.Clock
  const http = yield* EventBridgeHttp
  const notifier = yield* Notifier
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
    clientVersion: origin.clientVersion ?? clientVersion,
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
  const halting = new Halting(() => backlog.close())
  const published = yield* Queue.bounded<ReplayOutcome, EventBridgeError | ReplayHalted | Cause.Done>(concurrency)

  let hasDied = false
  let notified: ReplayReport["notifications"] = { delivered: 0, failed: 0, dropped: 0 }
  let final: ReplayReport | undefined

  const elapsedMillis = (): number =>
    origin.elapsedMillis + Math.round(Number(clock.monotonicTimeNanosUnsafe() - claimedAt) / 1e6)

  const why = (): string | undefined =>
    hasDied ? "it was ended by a defect, which is in the failure of its outcomes" : halting.cause?.message

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
    status: () => ({ elapsedMillis: elapsedMillis(), halted: halting.cause?.message ?? null })
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

  yield* Effect.forkScoped(Effect.catch(lease.lost, halting.halt))

  const pipeline = yield* LetterPipeline.make({
    concurrency,
    gracePeriod,
    ledger,
    backlog,
    halting,
    watch,
    settle,
    handOn: (outcomes) => Queue.offerAll(published, outcomes)
  })

  const reading = Effect.all([Effect.catch(reader.read, halting.halt), Effect.catch(reader.announce, halting.halt)], {
    concurrency: "unbounded",
    discard: true
  })

  const isDone = (): boolean => reader.isAtEnd && ledger.isSettled

  /** Once its completion is saved the run is complete, whatever it is asked to do after that. */
  const complete = Effect.gen(function* () {
    const completed = yield* makeReport("completed")
    yield* checkpoint.complete(completed)
    halting.dismiss()
    final = completed
  })

  const finish = Effect.gen(function* () {
    notified = yield* notifications.drain
    // Asked to stop, but there was nothing left to do.
    if (halting.cause?._tag === "RunStopped" && isDone()) halting.dismiss()
    ledger.retract()
    if (halting.cause === undefined) yield* Effect.catch(complete, halting.halt)
    // A run that could not be saved as complete has halted too, and perhaps that can be saved.
    if (halting.cause !== undefined && (reader.isAnyPageRead || isDone())) {
      yield* Effect.catch(checkpoint.save, halting.halt)
    }
  })

  const conclude = Effect.gen(function* () {
    const reason = halting.cause
    if (reason === undefined) return
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

  const work = pipeline(reading).pipe(
    Effect.andThen(finish),
    Effect.andThen(conclude),
    Effect.onError(() => die),
    (self) => watch.around(self, report)
  )

  const stop = Effect.suspend(() => (final === undefined ? halting.halt(new RunStopped()) : Effect.void))

  let working: Fiber.Fiber<unknown> | undefined
  // Once, however many pull. In its own fiber, so that interrupting whoever pulls does not cut off what is in flight.
  const begin = yield* Effect.cached(
    Effect.map(Effect.forkDetach(Queue.into(work, published)), (fiber) => {
      working = fiber
    })
  )

  /** Whoever pulled has been given the failure. */
  let isTold = false

  /** When nobody pulls any more: waits for what is in flight; only the log is left to report to. */
  const abandon = Effect.gen(function* () {
    if (working === undefined || working.pollUnsafe() !== undefined) return
    yield* stop
    // Outcomes that nobody pulls any more must not block the run; a failure of the run is in its report.
    yield* Effect.exit(Effect.forever(Queue.takeAll(published)))
    yield* Fiber.await(working)
    const { letters: read, status, stopped } = yield* report
    if (status === "halted" && !isTold)
      yield* Effect.logInfo(`run ${runId} halted after ${read} letters: ${stopped.why}`)
  })
  /** Whoever pulls from now on learns that the run has stopped. */
  const giveUp = Effect.gen(function* () {
    yield* stop
    final = yield* makeReport("halted")
  })
  // Added last, so that it runs while everything the run needs is still there.
  yield* Effect.addFinalizer(() => (working === undefined ? giveUp : abandon))

  const outcomes = Stream.unwrap(
    Effect.gen(function* () {
      yield* Effect.uninterruptible(begin)
      yield* Effect.addFinalizer(() => abandon)
      return Stream.tapError(Stream.fromQueue(published), () =>
        Effect.sync(() => {
          isTold = true
        })
      )
    })
  )

  return { runId, outcomes, report, stop } satisfies ReplayRun
})

/** A run that is complete: nothing is sent. */
export const finished = (report: ReplayReport): ReplayRun => ({
  runId: report.runId,
  outcomes: Stream.empty,
  report: Effect.succeed(report),
  stop: Effect.void
})
