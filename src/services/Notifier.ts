import { Clock, Context, Duration, Effect, Fiber, Latch, Layer, Queue, Schema, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import type { ReplayAuditRecord } from "../domain/AuditRecord.ts"
import { rootMessage } from "../domain/Failure.ts"
import type { InvalidConfiguration } from "../domain/InvalidConfiguration.ts"
import { checker, durationOf, Pause, Positive, Span } from "../domain/OptionRules.ts"
import type { NotificationCounts } from "../domain/ReplayReport.ts"
import * as RetryPolicy from "../domain/RetryPolicy.ts"
import type { WebhookFailure } from "../domain/WebhookFailure.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import { Metrics } from "./Metrics.ts"
import * as SteadyClock from "./SteadyClock.ts"
import * as Webhook from "./Webhook.ts"
import * as WebhookSignature from "./WebhookSignature.ts"

/** The notifications of one run. */
export interface Notifications {
  /** Hands records over to be sent in the background. Returns at once; what finds no room in the queue is dropped. */
  readonly notify: (records: ReadonlyArray<ReplayAuditRecord>) => Effect.Effect<void>
  /**
   * Waits until everything is sent, for a limited time, and gives up the rest. Returns what became of all records. The
   * end of the scope does the same, so that a run that is interrupted loses no more than that.
   */
  readonly drain: Effect.Effect<NotificationCounts>
}

/** Options of `Notifier.layerWith`. */
export interface NotifierOptions {
  /** Records that may wait. Default 10,000. */
  readonly queueSize?: number | undefined
  /** Records under way at once. Default 8. */
  readonly concurrency?: number | undefined
  /** How long one try may take. Default 5 s. */
  readonly timeout?: Duration.Input | undefined
  /** How long `drain` waits. Default 10 s. */
  readonly drainTimeout?: Duration.Input | undefined
}

/**
 * Notifies the monitoring webhook of each letter that was sent. It never slows or fails a replay: what the webhook does
 * not accept is a warning and a number in the report. Each record is retried by the same policy as every other call.
 * The pauses keep its worker busy, so a webhook that is down gets a few tries a second at most, while the other records
 * wait in the queue for it to come back, as far as there is room.
 */
export class Notifier extends Context.Service<
  Notifier,
  {
    /** Starts the notifications of a run, which end with the scope. */
    readonly start: Effect.Effect<Notifications, never, Scope.Scope>
  }
>()("effect-cxone-eventbridge/services/Notifier") {
  /** Notifies nobody. */
  static readonly layerNoop: Layer.Layer<Notifier> = Layer.succeed(Notifier, {
    start: Effect.succeed({
      notify: () => Effect.void,
      drain: Effect.succeed({ delivered: 0, failed: 0, dropped: 0 })
    })
  })

  /** Posts to the configured `monitoringUrl`; without one, notifies nobody. */
  static readonly layerWith = (
    options: NotifierOptions
  ): Layer.Layer<Notifier, InvalidConfiguration, EventBridgeConfig | Metrics | HttpClient.HttpClient> =>
    Layer.unwrap(Effect.map(Effect.fromResult(check(options)), layerOf))

  static readonly layer: Layer.Layer<Notifier, never, EventBridgeConfig | Metrics | HttpClient.HttpClient> =
    Layer.suspend(() => layerOf(defaults))
}

const Rules = Schema.Struct({ concurrency: Positive, drainTimeout: Pause, queueSize: Positive, timeout: Span })

const defaults: typeof Rules.Type = {
  concurrency: 8,
  drainTimeout: Duration.seconds(10),
  queueSize: 10_000,
  timeout: Duration.seconds(5)
}

const checkRules = checker(Rules)

const check = ({ concurrency, drainTimeout, queueSize, timeout }: NotifierOptions) =>
  checkRules({
    concurrency: concurrency ?? defaults.concurrency,
    drainTimeout: durationOf(drainTimeout ?? defaults.drainTimeout),
    queueSize: queueSize ?? defaults.queueSize,
    timeout: durationOf(timeout ?? defaults.timeout)
  })

const layerOf = (options: typeof Rules.Type) =>
  Layer.unwrap(
    Effect.map(EventBridgeConfig, ({ monitoringUrl }) =>
      monitoringUrl === undefined
        ? Notifier.layerNoop
        : Layer.effect(Notifier, makeNotifier(monitoringUrl, options)).pipe(
            Layer.provide(WebhookSignature.layerWebCrypto)
          )
    )
  )

const makeNotifier = Effect.fnUntraced(function* (
  url: string,
  { concurrency, drainTimeout, queueSize, timeout }: typeof Rules.Type
) {
  const clock = SteadyClock.make(yield* Clock.Clock)
  const { monitoringSecret, retry } = yield* EventBridgeConfig
  const metrics = yield* Metrics
  const prepare = yield* Webhook.make({
    url,
    secret: monitoringSecret,
    timeout,
    maxRetryAfter: retry.maxRetryAfter
  })
  const retrying = RetryPolicy.whileRetryable(retry)

  // The pause the webhook asked for applies to all records: it is not just the one that is too much for it.
  let pausedUntil = 0
  const awaitPause: Effect.Effect<void> = Effect.flatMap(clock.currentTimeMillis, (now) =>
    now < pausedUntil ? Effect.andThen(Effect.sleep(pausedUntil - now), awaitPause) : Effect.void
  )
  const notePause = ({ retryAfterMillis = 0 }: WebhookFailure) =>
    Effect.map(clock.currentTimeMillis, (now) => {
      const pause = Math.min(retryAfterMillis, Duration.toMillis(retry.maxRetryAfter))
      pausedUntil = Math.max(pausedUntil, now + pause)
    })

  const start = Effect.gen(function* () {
    const queue = yield* Queue.dropping<ReplayAuditRecord>(queueSize)
    const idle = yield* Latch.make(true)
    /** One for each record that was tried and is not settled. */
    const tried = new Set<object>()
    let offered = 0
    let delivered = 0
    let failed = 0
    let dropped = 0
    let lastFailure: string | undefined
    let deadline: number | undefined

    /** Delivers a record, or returns why not. */
    const deliver = Effect.fnUntraced(
      function* (record: ReplayAuditRecord, ticket: object) {
        const attempt = yield* prepare({
          // A process that resumes a run reports some letters again: to the receiver it is the same message.
          identity: [record.run_id, record.idempotency_key, record.status],
          body: { source: "cxone-eventbridge-replayer", type: "replay_status_update", data: record }
        })
        const onceMore = Effect.suspend(() => {
          tried.add(ticket)
          return attempt
        })
        yield* Effect.andThen(awaitPause, onceMore).pipe(
          Effect.tapError((failure) => {
            lastFailure = failure.detail
            return notePause(failure)
          }),
          Effect.retry(retrying)
        )
      },
      Effect.as(undefined),
      Effect.catch(({ detail }) => Effect.succeed(detail)),
      // A defect of the client as well: a worker that ended here would leave its share to the others.
      Effect.catchDefect((defect) => Effect.succeed(rootMessage(defect)))
    )

    const settle = (ticket: object, problem: string | undefined) =>
      Effect.suspend(() => {
        tried.delete(ticket)
        if (problem === undefined) delivered++
        else failed++
        lastFailure = problem ?? lastFailure
        if (offered === delivered + failed) idle.openUnsafe()
        return metrics.notification(problem === undefined ? "delivered" : "failed").pipe(
          // One line is enough for the operator; one per letter would bury everything else.
          Effect.andThen(
            problem !== undefined && failed === 1
              ? Effect.logWarning(`the monitoring webhook does not accept records: ${problem}`)
              : Effect.void
          )
        )
      })

    const work = Effect.flatMap(Queue.take(queue), (record) => {
      const ticket = {}
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(deliver(record, ticket)), (problem) => settle(ticket, problem))
      )
    })
    const workers = yield* Effect.forEach(Array.from({ length: concurrency }), () =>
      Effect.forkScoped(Effect.forever(work))
    )

    const count = (result: "failed" | "dropped", times: number) =>
      Effect.forEach(Array.from({ length: times }), () => metrics.notification(result), { discard: true })

    const notify = (records: ReadonlyArray<ReplayAuditRecord>) =>
      Effect.suspend(() => {
        if (records.length === 0) return Effect.void
        const unqueued = Queue.offerAllUnsafe(queue, records).length
        offered += records.length - unqueued
        dropped += unqueued
        if (offered > delivered + failed) idle.closeUnsafe()
        return count("dropped", unqueued)
      })

    /** Gives up what is left: failed is what was tried, dropped is what never was. */
    const giveUp = Effect.gen(function* () {
      yield* Queue.shutdown(queue)
      yield* Fiber.interruptAll(workers)
      const unanswered = tried.size
      const unsent = offered - delivered - failed - unanswered
      failed += unanswered
      dropped += unsent
      yield* count("failed", unanswered)
      yield* count("dropped", unsent)
      if (failed + dropped === 0) return
      const why = lastFailure === undefined ? "" : `; the last failure: ${lastFailure}`
      yield* Effect.logWarning(`the monitoring webhook: ${failed} records not accepted, ${dropped} never sent${why}`)
    })
    // Once: what is given up is counted by the drain of the run or by the end of its scope, never by both.
    const close = Effect.uninterruptible(yield* Effect.cached(giveUp))

    const drain = Effect.flatMap(clock.currentTimeMillis, (now) => {
      deadline ??= now + Duration.toMillis(drainTimeout)
      return idle.await.pipe(
        Effect.timeoutOption(Math.max(0, deadline - now)),
        Effect.andThen(close),
        Effect.andThen(Effect.sync(() => ({ delivered, failed, dropped })))
      )
    })
    yield* Effect.addFinalizer(() => drain)

    return { notify, drain }
  })

  return Notifier.of({ start })
})
