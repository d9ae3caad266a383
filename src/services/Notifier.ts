import { Context, Duration, Effect, Fiber, Latch, Layer, Queue, type Scope } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { ReplayAuditRecord } from "../domain/AuditRecord.ts"
import { rootMessage } from "../domain/Failure.ts"
import type { NotificationCounts } from "../domain/ReplayReport.ts"
import { EventBridgeConfig } from "./EventBridgeConfig.ts"
import { Metrics } from "./Metrics.ts"
import * as Tracing from "./Tracing.ts"

/** The notifications of one run. */
export interface Notifications {
  /** Hands a record over to be sent in the background. Returns at once; when the queue is full the record is dropped. */
  readonly notify: (record: ReplayAuditRecord) => Effect.Effect<void>
  /** Waits until everything is sent, for a limited time, and drops the rest. Tells what became of all records. */
  readonly drain: Effect.Effect<NotificationCounts>
}

export interface NotifierOptions {
  /** Records that may wait. Default 10,000. */
  readonly queueSize?: number | undefined
  /** Requests under way at once. Default 8. */
  readonly concurrency?: number | undefined
  /** How long one request may take. Default 5 s. */
  readonly timeout?: Duration.Input | undefined
  /** How long `drain` waits. Default 10 s. */
  readonly drainTimeout?: Duration.Input | undefined
}

/**
 * Tells the monitoring webhook of each letter that was sent. It never slows or fails a replay: what the webhook does not
 * take is a warning and a number in the report.
 */
export class Notifier extends Context.Service<
  Notifier,
  {
    /** Starts the notifications of a run, which end with the scope. */
    readonly start: Effect.Effect<Notifications, never, Scope.Scope>
  }
>()("effect-cxone-eventbridge/services/Notifier") {
  /** Tells nobody. */
  static readonly layerNoop: Layer.Layer<Notifier> = Layer.succeed(Notifier, {
    start: Effect.succeed({
      notify: () => Effect.void,
      drain: Effect.succeed({ delivered: 0, failed: 0, dropped: 0 })
    })
  })

  /** Posts to the configured `monitoringUrl`; without one, tells nobody. */
  static readonly layerWith = (
    options: NotifierOptions
  ): Layer.Layer<Notifier, never, EventBridgeConfig | Metrics | HttpClient.HttpClient> =>
    Layer.unwrap(
      Effect.map(EventBridgeConfig, ({ monitoringUrl }) =>
        monitoringUrl === undefined ? Notifier.layerNoop : Layer.effect(Notifier, makeWebhook(monitoringUrl, options))
      )
    )

  static readonly layer: Layer.Layer<Notifier, never, EventBridgeConfig | Metrics | HttpClient.HttpClient> =
    Notifier.layerWith({})
}

const makeWebhook = Effect.fnUntraced(function* (
  url: string,
  { concurrency = 8, drainTimeout = "10 seconds", queueSize = 10_000, timeout = "5 seconds" }: NotifierOptions
) {
  const metrics = yield* Metrics
  const httpClient = Tracing.untraced(yield* HttpClient.HttpClient)

  const post = Effect.fnUntraced(function* (record: ReplayAuditRecord) {
    const request = HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url), {
      source: "cxone-eventbridge-replayer",
      type: "replay_status_update",
      data: record
    })
    const response = yield* httpClient.execute(request)
    yield* response.text
    return response.status >= 200 && response.status < 300 ? undefined : `it answered ${response.status}`
  })

  const start = Effect.gen(function* () {
    const queue = yield* Queue.dropping<ReplayAuditRecord>(queueSize)
    const idle = yield* Latch.make(true)
    let offered = 0
    let delivered = 0
    let failed = 0
    let dropped = 0

    const deliver = (record: ReplayAuditRecord) =>
      post(record).pipe(
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.succeed(`no answer within ${Duration.format(Duration.fromInputUnsafe(timeout))}`)
        }),
        Effect.catch((error) => Effect.succeed(rootMessage(error))),
        // A defect of the client as well: a worker that ended here would leave its share to the others.
        Effect.catchDefect((defect) => Effect.succeed(rootMessage(defect))),
        Effect.flatMap((problem) => {
          if (problem === undefined) delivered++
          else failed++
          if (offered === delivered + failed) idle.openUnsafe()
          return metrics.notification(problem === undefined ? "delivered" : "failed").pipe(
            // One line tells the operator; a line a letter would bury everything else.
            Effect.andThen(
              problem !== undefined && failed === 1
                ? Effect.logWarning(`the monitoring webhook does not take records: ${problem}`)
                : Effect.void
            )
          )
        })
      )

    const workers = yield* Effect.forEach(Array.from({ length: concurrency }), () =>
      Queue.take(queue).pipe(Effect.flatMap(deliver), Effect.forever, Effect.forkScoped)
    )

    const notify = (record: ReplayAuditRecord) =>
      Effect.suspend(() => {
        if (Queue.offerUnsafe(queue, record)) {
          offered++
          idle.closeUnsafe()
          return Effect.void
        }
        dropped++
        return metrics.notification("dropped")
      })

    const drain = idle.await.pipe(
      Effect.timeoutOption(drainTimeout),
      Effect.andThen(Fiber.interruptAll(workers)),
      Effect.flatMap(() => {
        const left = offered - delivered - failed
        const counts = { delivered, failed, dropped: dropped + left }
        const summary = `the monitoring webhook: ${failed} records refused, ${counts.dropped} never sent`
        return Effect.forEach(Array.from({ length: left }), () => metrics.notification("dropped"), {
          discard: true
        }).pipe(
          Effect.andThen(failed + counts.dropped > 0 ? Effect.logWarning(summary) : Effect.void),
          Effect.as(counts)
        )
      })
    )

    return { notify, drain }
  })

  return Notifier.of({ start })
})
