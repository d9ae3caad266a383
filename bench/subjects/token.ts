// How the token is shared: fibers that all want it at once, before there is one and after.
import { Effect, Layer, Redacted, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { Audit, EventBridge, Token } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import { Ledger } from "../ServerProtocol.ts"
import * as Subject from "./Subject.ts"

export interface TokenInput {
  readonly port: number
  readonly fibers: number
  readonly reads: number
}

const { fibers, port, reads } = Subject.input<TokenInput>()

const live = EventBridge.layer({
  baseUrl: `http://127.0.0.1:${port}`,
  clientId: "bench",
  clientSecret: Redacted.make("bench")
}).pipe(Layer.provide([Audit.layerMemory, KeyValueStore.layerMemory]), Layer.provide(NodeEventBridge.layer))

const decodeLedger = Schema.decodeUnknownEffect(Schema.fromJsonString(Ledger))

const requestsSeen = Effect.promise(async () => (await fetch(`http://127.0.0.1:${port}/bench/ledger`)).text()).pipe(
  Effect.flatMap(decodeLedger),
  Effect.map(({ tokens }) => tokens)
)

/** How long an effect takes, in nanoseconds, and how many requests the service saw meanwhile. */
const timed = Effect.fnUntraced(function* <E, R>(effect: Effect.Effect<void, E, R>) {
  const seen = yield* requestsSeen
  const start = process.hrtime.bigint()
  yield* effect
  const nanos = Number(process.hrtime.bigint() - start)
  return { nanos, requests: (yield* requestsSeen) - seen }
})

const atOnce = Effect.flatMap(Token, ({ get }) =>
  Effect.forEach(Array.from({ length: fibers }), () => get, { concurrency: "unbounded", discard: true })
)

const oneByOne = Effect.gen(function* () {
  const { get } = yield* Token
  for (let read = 0; read < reads; read++) yield* get
})

const program = Effect.gen(function* () {
  const cold = yield* timed(atOnce)
  const warm = yield* timed(atOnce)
  const context = yield* Effect.context<Token>()
  const found = yield* Effect.promise(() => Subject.measure(reads, () => Effect.runPromiseWith(context)(oneByOne)))
  return { cold, warm, found }
}).pipe(Effect.provide(live))

// Once for warming up: each layer has a token of its own.
await Effect.runPromise(program)
const { cold, found, warm } = await Effect.runPromise(program)
Subject.answer(found, {
  "requests, cold": cold.requests,
  "requests, warm": warm.requests,
  "all fibers cold ms": cold.nanos / 1e6,
  "all fibers warm ms": warm.nanos / 1e6,
  "ns a warm read": (found.seconds * 1e9) / reads
})
