import { Clock, DateTime, Effect, Option, Predicate, Result, Semaphore, Stream } from "effect"
import { SecureRandom } from "effect/crypto"
import * as AuditRecord from "../domain/AuditRecord.ts"
import { clientVersion } from "../domain/ClientVersion.ts"
import type { DeadLetterPage } from "../domain/DeadLetterPage.ts"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import * as IdempotencyKey from "../domain/IdempotencyKey.ts"
import { CheckpointMismatch, type HaltCause, ReplayHalted } from "../domain/ReplayError.ts"
import { ReplayOutcome } from "../domain/ReplayOutcome.ts"
import { countsOf, type ReplayReport } from "../domain/ReplayReport.ts"
import * as ReplayRequest from "../domain/ReplayRequest.ts"
import { ReplayTally } from "../domain/ReplayTally.ts"
import type { RunCheckpoint, RunOptions } from "../domain/RunCheckpoint.ts"
import { Audit } from "../services/Audit.ts"
import { Checkpoints } from "../services/Checkpoints.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import { Metrics } from "../services/Metrics.ts"
import { Notifier } from "../services/Notifier.ts"
import { DeadLetterQueue } from "./DeadLetterQueue.ts"
import { type LeftOut, LetterSelection, type Selected } from "./LetterSelection.ts"
import { type OpenPage, PageLedger } from "./PageLedger.ts"
import type { RunIdentity, Selection } from "./ReplayOptions.ts"
import * as RunWatch from "./RunWatch.ts"

/** A run that has started: nothing is sent until its outcomes are pulled. */
export interface ReplayRun {
  readonly runId: string
  /**
   * What became of each letter, as it is known and recorded. Fails with `ReplayHalted` when the run stops before the end
   * of the queue, or with the `EventBridgeError` itself when not even a first page could be read.
   */
  readonly outcomes: Stream.Stream<ReplayOutcome, EventBridgeError | ReplayHalted>
  /** The report as it stands: final once `outcomes` has ended. */
  readonly report: Effect.Effect<ReplayReport>
}

const defaultConcurrency = 16

interface OnItsWay {
  readonly page: OpenPage
  readonly decided: Result.Result<Selected, LeftOut>
}

/** Starts a run, or goes on with one that was cut off. */
export const start = Effect.fnUntraced(function* (selection: Selection, identity: RunIdentity) {
  const audit = yield* Audit
  const checkpoints = yield* Checkpoints
  const http = yield* EventBridgeHttp
  const metrics = yield* Metrics
  const queue = yield* DeadLetterQueue
  const notifier = yield* Notifier
  const { options } = selection
  const { concurrency = defaultConcurrency, runId = SecureRandom.uuidV7Unsafe() } = identity

  const lease = yield* checkpoints.acquire(runId)
  const saved = identity.runId === undefined ? Option.none() : yield* checkpoints.load(runId)
  if (Option.isSome(saved)) {
    const differences = compare(saved.value.options, options)
    if (differences.length > 0) return yield* new CheckpointMismatch({ runId, differences })
    if (saved.value.report !== null) return finished(saved.value.report)
  }
  const watch = yield* RunWatch.start(runId, options)
  yield* watch.within(http.authorize(["ListDeadLetters", "ReplayEvent"]))

  const now = yield* DateTime.now
  const origin = Option.getOrElse(saved, () => newRun(runId, options, DateTime.formatIso(now)))
  const { initiatedAt } = origin
  const context: ReplayRequest.ReplayContext = {
    initiatedAt,
    clientVersion,
    maxAttempts: options.maxAttempts,
    destination: options.destination ?? undefined
  }
  const ledger = new PageLedger(
    {
      settledPages: origin.settledPages,
      startedPages: origin.startedPages,
      pageToken: origin.pageToken ?? undefined
    },
    ReplayTally.restore(origin.tally)
  )
  const letters = new LetterSelection(selection, context, ledger.settled.selected)
  const notifications = yield* notifier.start
  const writer = yield* Semaphore.make(1)

  let halted: HaltCause | undefined
  let notified: ReplayReport["notifications"] = { delivered: 0, failed: 0, dropped: 0 }
  let final: ReplayReport | undefined

  const elapsedMillis = Effect.map(
    Clock.currentTimeMillis,
    (millis) => origin.elapsedMillis + millis - DateTime.toEpochMillis(now)
  )

  const makeReport = (status: ReplayReport["status"]) =>
    Effect.zipWith(elapsedMillis, audit.head, (elapsed, auditHead): ReplayReport => ({
      runId,
      topicId: options.topicId,
      status,
      initiatedAt,
      ...countsOf(ledger.seen),
      seconds: elapsed / 1000,
      notifications: notified,
      auditHead: auditHead?.hash ?? null,
      stopped: {
        pages: ledger.position.settledPages,
        ...(status === "halted" && ledger.position.pageToken !== undefined
          ? { pageToken: ledger.position.pageToken }
          : {}),
        ...(halted === undefined ? {} : { why: halted.message })
      }
    }))

  let { lastSettledAt } = origin
  let savedPages = origin.settledPages

  // One at a time, each with the position as it is by then: a later position never gives way to an earlier one.
  const save = (report: ReplayReport | null) =>
    writer.withPermits(1)(
      Effect.gen(function* () {
        // Whoever has taken the run over goes on from what is kept.
        yield* lease.check
        const elapsed = yield* elapsedMillis
        const { pageToken, settledPages, startedPages } = ledger.position
        if (settledPages > savedPages) lastSettledAt = DateTime.formatIso(yield* DateTime.now)
        savedPages = settledPages
        yield* checkpoints.save({
          ...origin,
          lastSettledAt,
          halted: halted?.message ?? null,
          settledPages,
          startedPages,
          pageToken: pageToken ?? null,
          tally: ledger.settled.snapshot(),
          elapsedMillis: elapsed,
          report
        })
      })
    )

  /** What a run cannot go on after; the first cause is the one that is told. */
  const halt = (cause: HaltCause) => Effect.sync(() => void (halted ??= cause))
  yield* Effect.forkScoped(Effect.catch(lease.lost, halt))

  const openPage = Effect.fnUntraced(function* (page: DeadLetterPage) {
    const decided = letters.take(page)
    const open = ledger.open(page, decided.length)
    yield* watch.opened(open, decided.length)
    yield* watch.settled(ledger.settle())
    // Kept before the first letter of the page is sent: after a crash, a 409 for one of them is our own doing.
    yield* save(null)
    return decided.map((letter): OnItsWay => ({ page: open, decided: letter }))
  })

  const send = Effect.fnUntraced(function* ({ letter, request }: Selected, { wasInFlight }: OpenPage) {
    const started = yield* Clock.currentTimeNanos
    const result = yield* Effect.result(http.replay(request))
    const latencyMillis = Number((yield* Clock.currentTimeNanos) - started) / 1e6
    const sent = { eventId: letter.eventId, letter, idempotencyKey: request.idempotencyKey, latencyMillis }
    if (Result.isSuccess(result)) {
      const { receipt } = result.success
      return ReplayOutcome.Accepted({ ...sent, receipt, confirmedBy: receipt ? "Receipt" : "UnreadableReceipt" })
    }
    const error = result.failure
    if (concernsAllLetters(error)) return yield* error
    switch (error.reason._tag) {
      case "DuplicateDetected": {
        if (error.ambiguous) return ReplayOutcome.Accepted({ ...sent, receipt: undefined, confirmedBy: "EarlierTry" })
        if (wasInFlight) return ReplayOutcome.Accepted({ ...sent, receipt: undefined, confirmedBy: "EarlierRun" })
        return ReplayOutcome.Duplicate(sent)
      }
      case "MaxRetriesExceeded":
      case "RateLimited":
        return ReplayOutcome.Exhausted({ ...sent, error })
      default:
        return ReplayOutcome.Rejected({ ...sent, error })
    }
  })

  const settleLetter = Effect.fnUntraced(function* ({ decided, page }: OnItsWay) {
    const outcome = Result.isSuccess(decided) ? yield* send(decided.success, page) : leftOut(decided.failure)
    const record = AuditRecord.fromOutcome(outcome, {
      runId,
      topicId: options.topicId,
      destination: context.destination,
      timestamp: DateTime.formatIso(yield* DateTime.now)
    })
    yield* audit.record(record)
    if (outcome._tag !== "Skipped") yield* notifications.notify(record)
    yield* metrics.letter(outcome)
    const settled = ledger.add(page, outcome)
    yield* watch.settled(settled)
    if (settled.length > 0) yield* save(null)
    return outcome
  })

  const replayLetter = (letter: OnItsWay) =>
    Effect.suspend(() =>
      halted === undefined ? watch.letter(letter.page, letter.decided, settleLetter(letter)) : Effect.undefined
    ).pipe(Effect.catch(halt))

  const isAtEnd = (): boolean =>
    letters.isFull || (ledger.position.settledPages > 0 && ledger.position.pageToken === undefined)

  const pages = Stream.suspend(() =>
    isAtEnd()
      ? Stream.empty
      : queue.pages({ topicId: options.topicId, pageSize: options.pageSize, pageToken: ledger.position.pageToken })
  )

  let isAnyPageRead = false
  const sending = pages.pipe(
    Stream.takeWhile(() => halted === undefined),
    Stream.tap(() => Effect.sync(() => (isAnyPageRead = true))),
    Stream.mapEffect(openPage),
    Stream.takeUntil(() => letters.isFull),
    Stream.catch((cause) => Stream.fromEffectDrain(halt(cause))),
    Stream.flatMap((onTheirWay) => Stream.fromIterable(onTheirWay)),
    Stream.mapEffect(replayLetter, { concurrency, unordered: true }),
    Stream.filter(Predicate.isNotUndefined)
  )

  const finish = Effect.gen(function* () {
    notified = yield* notifications.drain
    if (halted === undefined) {
      const report = yield* makeReport("completed")
      yield* Effect.catch(save(report), halt)
      final = report
    }
    if (halted === undefined) return
    if (isAnyPageRead) yield* Effect.catch(save(null), halt)
    final = yield* makeReport("halted")
    if (!isAnyPageRead && halted._tag === "EventBridgeError") return yield* halted
    return yield* new ReplayHalted({ reason: halted, report: final })
  })

  const report = Effect.suspend(() => (final === undefined ? makeReport("running") : Effect.succeed(final)))
  return {
    runId,
    outcomes: watch.around(Stream.concat(sending, Stream.fromEffectDrain(finish)), report),
    report
  } satisfies ReplayRun
})

const newRun = (runId: string, options: RunOptions, initiatedAt: string): RunCheckpoint => ({
  version: 1,
  runId,
  options,
  initiatedAt,
  settledPages: 0,
  startedPages: 0,
  pageToken: null,
  lastSettledAt: null,
  halted: null,
  tally: new ReplayTally().snapshot(),
  elapsedMillis: 0,
  report: null
})

const finished = (report: ReplayReport): ReplayRun => ({
  runId: report.runId,
  outcomes: Stream.empty,
  report: Effect.succeed(report)
})

const compare = (started: RunOptions, given: RunOptions) =>
  (["topicId", "pageSize", "maxAttempts", "destination", "failureReason", "limit"] as const)
    .filter((option) => started[option] !== given[option])
    .map((option) => ({ option, started: String(started[option]), given: String(given[option]) }))

/** Failures that every other letter would meet as well: stop, rather than burn them one by one. */
const concernsAllLetters = (error: EventBridgeError): boolean =>
  error.operation === "Token" || error.reason._tag === "ServiceUnavailable"

const leftOut = ({ entry, skip }: LeftOut): ReplayOutcome =>
  Result.match(entry, {
    onSuccess: (letter) =>
      ReplayOutcome.Skipped({
        eventId: letter.eventId,
        letter,
        idempotencyKey: ReplayRequest.idempotencyKey(letter),
        skip
      }),
    onFailure: ({ eventId }) =>
      ReplayOutcome.Skipped({
        eventId: eventId ?? "(none)",
        letter: undefined,
        idempotencyKey: eventId === undefined ? undefined : IdempotencyKey.make(eventId, 1),
        skip
      })
  })
