import { Clock, Effect, Exit, Result, type Scope, Tracer } from "effect"
import * as LetterSampling from "../domain/LetterSampling.ts"
import { classificationOf, type ReplayOutcome } from "../domain/ReplayOutcome.ts"
import type { ReplayReport } from "../domain/ReplayReport.ts"
import type { RunOptions } from "../domain/RunCheckpoint.ts"
import { EventBridgeConfig } from "../services/EventBridgeConfig.ts"
import { Metrics } from "../services/Metrics.ts"
import * as SteadyClock from "../services/SteadyClock.ts"
import * as Tracing from "../services/Tracing.ts"
import type { LeftOut, Selected } from "./LetterSelection.ts"
import type { OpenPage } from "./PageLedger.ts"

/** What can be observed of a run: the times of its pages, its letters in flight, and spans if there is a tracer. */
export interface RunWatch {
  /** Runs as part of the run. */
  readonly within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The work of the run, which ends with it. */
  readonly around: <A, E, R>(
    work: Effect.Effect<A, E, R>,
    report: Effect.Effect<ReplayReport>
  ) => Effect.Effect<A, E, R>
  readonly opened: (page: OpenPage, letters: number) => Effect.Effect<void>
  readonly settled: (pages: ReadonlyArray<OpenPage>) => Effect.Effect<void>
  /** A letter, from being taken up to its outcome. */
  readonly letter: <E, R>(
    page: OpenPage,
    decided: Result.Result<Selected, LeftOut>,
    outcome: Effect.Effect<ReplayOutcome, E, R>
  ) => Effect.Effect<ReplayOutcome, E, R>
}

interface Watched {
  readonly openedAt: number
  readonly span: Tracer.Span | undefined
}

/** Watches a run. Its span ends with its outcomes, or with the scope if nobody pulls them. */
export const start = Effect.fnUntraced(function* (
  runId: string,
  { destination, pageSize, topicId }: RunOptions
): Effect.fn.Return<RunWatch, never, EventBridgeConfig | Metrics | Scope.Scope> {
  const clock = SteadyClock.make(yield* Clock.Clock)
  const metrics = yield* Metrics
  const { tracing } = yield* EventBridgeConfig
  const isTraced = yield* Tracing.isOn
  const run = isTraced
    ? yield* Effect.makeSpanScoped("Replay.run", {
        attributes: {
          "cxone.run.id": runId,
          "cxone.topic.id": topicId,
          "cxone.page.size": pageSize,
          ...(destination === null ? {} : { "cxone.destination": destination })
        }
      })
    : undefined
  const isSampled = LetterSampling.make(tracing.letterSampling)
  const open = new Map<OpenPage, Watched>()

  const opened = Effect.fnUntraced(function* (page: OpenPage, letters: number) {
    const openedAt = yield* clock.currentTimeMillis
    const span =
      run === undefined
        ? undefined
        : yield* Effect.makeSpan("Replay.page", {
            parent: run,
            attributes: { "cxone.page.index": page.index, "cxone.page.letters": letters }
          })
    open.set(page, { openedAt, span })
  })

  const close = (page: OpenPage, exit: Exit.Exit<unknown, unknown>) =>
    Effect.map(Clock.currentTimeNanos, (now) => {
      open.get(page)?.span?.end(now, exit)
      open.delete(page)
    })

  const settled = (pages: ReadonlyArray<OpenPage>) =>
    Effect.forEach(
      pages,
      (page) =>
        Effect.flatMap(clock.currentTimeMillis, (now) =>
          Effect.andThen(metrics.page(now - (open.get(page)?.openedAt ?? now)), close(page, Exit.void))
        ),
      { discard: true }
    )

  const letter: RunWatch["letter"] = (page, decided, outcome) => {
    if (run === undefined) return outcome
    const parent = open.get(page)?.span
    const options = isSampled()
      ? { parent, attributes: { "cxone.event.id": eventIdOf(decided), "cxone.topic.id": topicId } }
      : { parent, sampled: false }
    return Effect.useSpan("Replay.letter", options, (span) =>
      outcome.pipe(
        Effect.tap((known) => (span.sampled ? describe(span, known) : Effect.void)),
        Effect.withParentSpan(span, { captureStackTrace: false })
      )
    )
  }

  const ended = Effect.fnUntraced(function* (
    span: Tracer.Span,
    exit: Exit.Exit<unknown, unknown>,
    report: Effect.Effect<ReplayReport>
  ) {
    const { failed, letters, skipped, status, success } = yield* report
    const counts = { letters, success, failed, skipped }
    for (const [name, count] of Object.entries(counts)) span.attribute(`cxone.run.${name}`, count)
    span.attribute("cxone.run.status", status)
    // Pages that are still open were not settled: another process may resume them.
    yield* Effect.forEach(Array.from(open.keys()), (page) => close(page, exit), { discard: true })
    span.end(yield* Clock.currentTimeNanos, exit)
  })

  return {
    within: (effect) => (run === undefined ? effect : Effect.provideService(effect, Tracer.ParentSpan, run)),
    around: (work, report) =>
      run === undefined
        ? // Switched off once for the whole run, not for each request.
          Tracing.without(work)
        : work.pipe(
            Effect.provideService(Tracer.ParentSpan, run),
            Effect.onExit((exit) => ended(run, exit, report))
          ),
    opened,
    settled,
    letter
  }
})

const eventIdOf = (decided: Result.Result<Selected, LeftOut>): string | undefined =>
  Result.isSuccess(decided) ? decided.success.letter.eventId : Result.merge(decided.failure.entry).eventId

/** What became of the letter. One that failed ends as a failure, although the run continues. */
const describe = (span: Tracer.Span, outcome: ReplayOutcome) =>
  Effect.map(Clock.currentTimeNanos, (now) => {
    const classification = classificationOf(outcome)
    span.attribute("cxone.letter.outcome", outcome._tag.toLowerCase())
    if (classification !== undefined) span.attribute("cxone.letter.classification", classification)
    if ("error" in outcome) span.end(now, Exit.fail(outcome.error))
  })
