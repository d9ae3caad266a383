import { Context, Effect, Exit, Layer, Result, Scope, Stream } from "effect"
import { clientVersion } from "../domain/ClientVersion.ts"
import { increase, increaseBounded, noReason } from "../domain/Counts.ts"
import type { EventBridgeError } from "../domain/EventBridgeError.ts"
import type { LeaseLost } from "../domain/Lease.ts"
import type {
  CheckpointError,
  CheckpointMismatch,
  DestinationForbidden,
  InvalidReplayOptions,
  ReplayHalted,
  RunInProgress
} from "../domain/ReplayError.ts"
import type { ReplayOutcome } from "../domain/ReplayOutcome.ts"
import type { ReplayPlan } from "../domain/ReplayPlan.ts"
import type { ReplayReport } from "../domain/ReplayReport.ts"
import * as ReplayRequest from "../domain/ReplayRequest.ts"
import type { StoredRun } from "../domain/RunSummary.ts"
import * as Skip from "../domain/Skip.ts"
import { Audit } from "../services/Audit.ts"
import { Checkpoints } from "../services/Checkpoints.ts"
import { EventBridgeConfig } from "../services/EventBridgeConfig.ts"
import { EventBridgeHttp } from "../services/EventBridgeHttp.ts"
import { Metrics } from "../services/Metrics.ts"
import { Notifier } from "../services/Notifier.ts"
import { DeadLetterQueue } from "./DeadLetterQueue.ts"
import { LetterSelection } from "./LetterSelection.ts"
import * as ReplayOptions from "./ReplayOptions.ts"
import * as ReplayRun from "./ReplayRun.ts"
import * as RunClaim from "./RunClaim.ts"

/** What a run is asked to do. */
export interface RunRequest extends ReplayOptions.ReplayOptions, ReplayOptions.RunIdentity {}

/** Why a run, or a plan of one, does not start. */
export type StartError =
  | InvalidReplayOptions
  | DestinationForbidden
  | CheckpointError
  | CheckpointMismatch
  | RunInProgress
  | EventBridgeError

/**
 * Delivers the events of a dead letter queue again, each once. Letters are selected, built into requests, sent, recorded
 * and settled; what became of them is a stream of outcomes or a report.
 */
export class Replay extends Context.Service<
  Replay,
  {
    /**
     * Starts a run whose outcomes are read one by one, and its report at any time. No other process can work on it
     * until its outcomes have ended or the scope is closed.
     */
    readonly start: (request: RunRequest) => Effect.Effect<ReplayRun.ReplayRun, StartError, Scope.Scope>
    /** The outcomes of a run, which stops when they are no longer pulled. */
    readonly stream: (request: RunRequest) => Stream.Stream<ReplayOutcome, StartError | ReplayHalted>
    /**
     * Runs to the end of the queue and reports. Letters that failed are in the report, not in the error. Interrupting
     * it stops the run and waits for the letters in flight, up to `gracePeriod`.
     */
    readonly run: (request: RunRequest) => Effect.Effect<ReplayReport, StartError | ReplayHalted>
    /** Reads the queue and reports what a run would do. Sends nothing. */
    readonly plan: (
      request: ReplayOptions.ReplayOptions
    ) => Effect.Effect<ReplayPlan, InvalidReplayOptions | DestinationForbidden | EventBridgeError>
    /** The runs the store holds, by start time. */
    readonly runs: Effect.Effect<ReadonlyArray<StoredRun>, CheckpointError>
    /**
     * Removes what is kept of a run that no process is working on, even if it cannot be read. Returns whether there was
     * anything. Its id can then be used for another run.
     */
    readonly forget: (runId: string) => Effect.Effect<boolean, RunInProgress | CheckpointError | LeaseLost>
  }
>()("effect-cxone-eventbridge/workflows/Replay") {
  static readonly make = Effect.gen(function* () {
    // What a run needs is fixed when the layer is built; only its scope is the caller's.
    const services = Context.pick(
      Audit,
      Checkpoints,
      DeadLetterQueue,
      EventBridgeConfig,
      EventBridgeHttp,
      Metrics,
      Notifier
    )(
      yield* Effect.context<
        Audit | Checkpoints | DeadLetterQueue | EventBridgeConfig | EventBridgeHttp | Metrics | Notifier
      >()
    )

    const start = Effect.fnUntraced(function* (request: RunRequest) {
      const selection = yield* ReplayOptions.resolve(request, ReplayOptions.checkRun(request))
      // A run that has ended, or could not start, keeps no lease, however long the caller's scope stays open.
      const scope = yield* Scope.fork(yield* Effect.scope)
      const run = yield* RunClaim.claim(request, selection.options).pipe(
        Effect.flatMap((claim) =>
          claim._tag === "Completed"
            ? Effect.as(Scope.close(scope, Exit.void), ReplayRun.finished(claim.report))
            : ReplayRun.start(selection, request, claim)
        ),
        Scope.provide(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      return { ...run, outcomes: Stream.onExit(run.outcomes, (exit) => Scope.close(scope, exit)) }
    }, Effect.provideContext(services))

    const stream = (request: RunRequest) => Stream.unwrap(Effect.map(start(request), ({ outcomes }) => outcomes))

    const run = Effect.fnUntraced(function* (request: RunRequest) {
      const { outcomes, report } = yield* start(request)
      yield* Stream.runDrain(outcomes)
      return yield* report
    }, Effect.scoped)

    const plan = Effect.fn("Replay.plan")(function* (request: ReplayOptions.ReplayOptions) {
      const http = yield* EventBridgeHttp
      const queue = yield* DeadLetterQueue
      const selection = yield* ReplayOptions.resolve(request)
      const { options } = selection
      yield* http.authorize(["ListDeadLetters"])
      const { maxAttempts, pageSize, topicId } = options
      const letters = new LetterSelection(
        selection,
        { initiatedAt: "", clientVersion, maxAttempts, destination: options.destination ?? undefined },
        0
      )
      const bySkipReason = new Map<string, number>()
      const byFailureReason = new Map<string, number>()
      let pages = 0
      let payloadBytes = 0
      let toSend = 0
      let toSkip = 0
      yield* queue.pages({ topicId, pageSize }).pipe(
        Stream.runForEachWhile((page) => {
          pages++
          for (const decided of letters.take(page)) {
            const letter = Result.isSuccess(decided)
              ? decided.success.letter
              : Result.getOrUndefined(decided.failure.entry)
            increaseBounded(byFailureReason, letter?.failureReason ?? noReason)
            if (Result.isSuccess(decided)) {
              toSend++
              payloadBytes += ReplayRequest.payloadBytes(decided.success.letter)
            } else {
              toSkip++
              increase(bySkipReason, Skip.reason(decided.failure.skip))
            }
          }
          return Effect.succeed(!letters.isFull)
        })
      )
      return {
        topicId,
        letters: toSend + toSkip,
        toSend,
        toSkip,
        bySkipReason: Object.fromEntries(bySkipReason),
        byFailureReason: Object.fromEntries(byFailureReason),
        payloadBytes,
        pages
      } satisfies ReplayPlan
    }, Effect.provideContext(services))

    const { list: runs, remove } = yield* Checkpoints
    // No run has such an id; with some of them the store would look for it elsewhere.
    const forget = (runId: string) =>
      ReplayOptions.checkRun({ runId }).length > 0 ? Effect.succeed(false) : remove(runId)

    return Replay.of({ start, stream, run, plan, runs, forget })
  })

  static readonly layer: Layer.Layer<
    Replay,
    never,
    Audit | Checkpoints | DeadLetterQueue | EventBridgeConfig | EventBridgeHttp | Metrics | Notifier
  > = Layer.effect(Replay, Replay.make)
}
