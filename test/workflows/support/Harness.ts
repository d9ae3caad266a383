import { Duration, Effect, Fiber, Layer, Redacted } from "effect"
import type { HttpClient } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Emulator, EmulatorClient, type EmulatorOptions, Fault } from "../../../src/emulator/index.ts"
import { Audit, AuditMemory, EventBridge, type EventBridgeOptions, type ReplayReport } from "../../../src/index.ts"
import { NodeEventBridge } from "../../../src/node/index.ts"

export const topicId = "orders"
export const putRoute = "PUT /api/v2/eventbridge/topics/:topicId/events"
export const listRoute = "GET /api/v2/eventbridge/dlq/events"
export const tokenRoute = "POST /oauth2/token"

const credentials = { clientId: "demo", clientSecret: Redacted.make("demo") }

/** The library alone; its client, audit and store come from around it. A fresh one each time, as a new process has. */
export const library = (options: Partial<EventBridgeOptions> = {}) =>
  Layer.fresh(EventBridge.layer({ ...credentials, ...options }))

/** What outlives a process: the receiver, the audit, the checkpoints. */
export const world = (emulator: EmulatorOptions = {}) =>
  Layer.mergeAll(EmulatorClient.layerEmulator({ topicId, ...emulator }), Audit.layerMemory, KeyValueStore.layerMemory)

type Write = ReturnType<KeyValueStore.KeyValueStore["set"]>

/** The store around it, with something else done for each write of a value. */
export const storeWriting = (instead: (write: Write, value: string) => Write) =>
  Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(KeyValueStore.KeyValueStore, (store) =>
      KeyValueStore.make({ ...store, set: (key, value) => instead(store.set(key, value), String(value)) })
    )
  )

/** The library as a process that can be killed. */
export const mortal = (life: { readonly isOver: boolean }, options: Partial<EventBridgeOptions> = {}) => {
  const unlessOver = <E>(write: Effect.Effect<void, E>) => Effect.suspend(() => (life.isOver ? Effect.void : write))
  return Layer.provide(
    library(options),
    Layer.mergeAll(
      storeWriting(unlessOver),
      Layer.effect(
        Audit,
        Effect.map(Audit, ({ head, record }) => Audit.of({ record: (added) => unlessOver(record(added)), head }))
      )
    ).pipe(Layer.fresh)
  )
}

/** Ends a process as a kill does: it writes nothing more, and what it has in flight is cut off (`gracePeriod` 0). */
export const kill = Effect.fnUntraced(function* <A, E>(fiber: Fiber.Fiber<A, E>, life: { isOver: boolean }) {
  life.isOver = true
  yield* Effect.forkChild(Fiber.interrupt(fiber))
  yield* drive(fiber)
})

/** The library on an emulator in memory. */
export const onEmulator = (emulator: EmulatorOptions = {}, options: Partial<EventBridgeOptions> = {}) =>
  Layer.provideMerge(library(options), world(emulator))

/** The library on a server, over real sockets; with a client of the application's own where one is given. */
export const onServer = (
  baseUrl: string,
  options: Partial<EventBridgeOptions> = {},
  client: Layer.Layer<HttpClient.HttpClient> = NodeEventBridge.layer
) =>
  Layer.provideMerge(
    library({ baseUrl, ...options }),
    Layer.mergeAll(NodeEventBridge.layer, Audit.layerMemory, KeyValueStore.layerMemory).pipe(Layer.merge(client))
  )

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

/** Moves time on until a fiber ends, or until something holds. */
export const drive = Effect.fnUntraced(function* <A, E>(
  fiber: Fiber.Fiber<A, E>,
  options: { readonly until?: () => boolean; readonly stepMillis?: number } = {}
) {
  const { stepMillis = 20, until = () => false } = options
  while (fiber.pollUnsafe() === undefined && !until()) {
    yield* turn
    yield* TestClock.adjust(stepMillis)
  }
})

/** For `drive`: so many steps are enough. */
export const steps = (times: number) => {
  let left = times
  return (): boolean => left-- === 0
}

/** Runs an effect to its end, moving time on for as long as it takes. */
export const driven = <A, E, R>(effect: Effect.Effect<A, E, R>, stepMillis?: number) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect)
    yield* drive(fiber, stepMillis === undefined ? {} : { stepMillis })
    return yield* Fiber.join(fiber)
  })

/** Lets everything that can go on without time passing go on. */
export const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.andThen(turn, TestClock.adjust(0)), {
  discard: true
})

export const stats = Effect.flatMap(Emulator, (emulator) => emulator.stats)

export const auditRecords = Effect.map(AuditMemory, ({ records }) => records)

export const count = (requests: Readonly<Record<string, Readonly<Record<string, number>>>>, route: string): number =>
  Object.values(requests[route] ?? {}).reduce((total, times) => total + times, 0)

export const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, times) => total + times, 0)

/** The three counts and the five outcomes add up to the letters read. */
export const addsUp = ({ failed, letters, outcomes, skipped, success }: ReplayReport): boolean =>
  letters === success + failed + skipped && letters === sum(outcomes)

/** Letters of our own: short, in order, numbered from 0. */
export const letter = (index: number, members: Readonly<Record<string, unknown>> = {}) => ({
  eventId: `evt_${index}`,
  topicId,
  payload: { index },
  failureReason: "HTTP 502 Bad Gateway",
  retryCount: 0,
  ...members
})

export const letters = (size: number) => Array.from({ length: size }, (_, index) => letter(index))

/** A service of 40 letters that takes a tenth of a second for each; what has arrived is counted. */
export const slowService = () => {
  const service = {
    arrived: 0,
    options: {
      queue: letters(40),
      script: ({ route }) => {
        if (route !== "replay") return undefined
        service.arrived++
        return Fault.Slow({ delay: Duration.millis(100) })
      }
    } satisfies EmulatorOptions
  }
  return service
}

export const key = (index: number): string => `replay-evt_${index}-v1`

export const keys = (size: number): ReadonlyArray<string> => Array.from({ length: size }, (_, index) => key(index))

/** Each of the keys once, and no other. */
export const once = (all: ReadonlyArray<string>): Record<string, number> =>
  Object.fromEntries(all.map((name) => [name, 1]))
