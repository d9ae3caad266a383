import { Effect, Option } from "effect"
import * as InTurn from "../InTurn.ts"
import * as Outcome from "../Outcome.ts"
import { type Plan, scaled } from "../Plan.ts"
import * as Python from "../Python.ts"
import * as ReplaySubject from "../ReplaySubject.ts"
import { ratio } from "../Statistics.ts"
import type { Found } from "../SubjectProcess.ts"

export const title = "The whole of Replay.run against clients that do less"

/** How many at once, how slow the service is, and enough letters for one to three seconds after the warm-up. */
export interface Load {
  readonly latencyMillis: number
  readonly concurrency: number
  readonly letters: number
  readonly warmUp: number
}

const loads: ReadonlyArray<Load> = [
  { latencyMillis: 0, concurrency: 1, letters: 1000, warmUp: 300 },
  { latencyMillis: 0, concurrency: 16, letters: 6000, warmUp: 2000 },
  { latencyMillis: 0, concurrency: 64, letters: 40_000, warmUp: 30_000 },
  { latencyMillis: 5, concurrency: 1, letters: 150, warmUp: 50 },
  { latencyMillis: 5, concurrency: 16, letters: 2500, warmUp: 1000 },
  { latencyMillis: 5, concurrency: 64, letters: 8000, warmUp: 6000 }
]

/** Names of the clients, and their files in `bench/subjects`. */
const clients = {
  "Replay.run": "replay.ts",
  undici: "undici.ts",
  fetch: "fetch.ts",
  "sequential in Python": "sequential.py",
  "sequential in Node": "sequential.ts",
  "raw sockets": "sockets.ts"
} as const
type Client = keyof typeof clients

/** Scripts have no concurrency; sockets show the server's limit. */
const clientsAt = ({ concurrency, latencyMillis }: Load, scripts: ReadonlyArray<Client>): ReadonlyArray<Client> => [
  "Replay.run",
  "undici",
  "fetch",
  ...(concurrency === 1 ? scripts : []),
  ...(concurrency === 64 && latencyMillis === 0 ? (["raw sockets"] as const) : [])
]

const nameOf = (client: Client, { concurrency, latencyMillis }: Load) =>
  `${client}, ${concurrency} at once, ${latencyMillis} ms`

const alternative = (plan: Plan, client: Client, load: Load) => ({
  name: nameOf(client, load),
  run: ReplaySubject.run(`replay: ${nameOf(client, load)}`, {
    ...load,
    subject: clients[client],
    letters: scaled(plan, load.letters),
    warmUp: scaled(plan, load.warmUp),
    isAudited: client === "Replay.run",
    atMost: "2 minutes"
  })
})

/** What is demanded at 64 at once. */
const demands = (latencyMillis: number): { readonly [Other in Client]?: Outcome.Demand } => ({
  undici: { relation: "at least", value: 0.7 },
  fetch: { relation: "more than", value: 1 },
  "sequential in Python": { relation: "at least", value: latencyMillis === 0 ? 20 : 60 }
})

const compare = (load: Load, to: Client, toLoad: Load, samplesOf: (name: string) => ReadonlyArray<Found>) => {
  const own = samplesOf(nameOf("Replay.run", load))
  const other = samplesOf(nameOf(to, toLoad))
  const what = `letters/s, Replay.run / ${to}, ${load.concurrency} at once, ${load.latencyMillis} ms`
  const demand = load.concurrency === 64 ? demands(load.latencyMillis)[to] : undefined
  return Outcome.comparison(what, ratio(Outcome.rateOf(own), Outcome.rateOf(other)), { demand })
}

export const measureLoads = Effect.fnUntraced(function* (plan: Plan, taken: ReadonlyArray<Load>) {
  const hasPython = Option.isSome(yield* Python.versions)
  const scripts: ReadonlyArray<Client> = [
    ...(hasPython ? (["sequential in Python"] as const) : []),
    "sequential in Node"
  ]
  const alternatives = taken.flatMap((load) =>
    clientsAt(load, scripts).map((client) => alternative(plan, client, load))
  )
  const samplesOf = yield* InTurn.run("replay", plan.rounds, alternatives, Outcome.tell)
  const comparisons = taken.flatMap((load) => [
    compare(load, "undici", load, samplesOf),
    compare(load, "fetch", load, samplesOf),
    ...taken
      .filter(({ concurrency, latencyMillis }) => concurrency === 1 && latencyMillis === load.latencyMillis)
      .flatMap((one) => scripts.map((script) => compare(load, script, one, samplesOf)))
  ])
  // Other programs on the machine slow a client down, but hardly change its CPU cost.
  const costs = taken.map((load) => {
    const cost = (client: Client) => Outcome.costOf(samplesOf(nameOf(client, load)))
    const what = `CPU a letter, Replay.run / undici, ${load.concurrency} at once, ${load.latencyMillis} ms`
    return Outcome.comparison(what, ratio(cost("Replay.run"), cost("undici")))
  })
  return {
    rows: alternatives.map(({ name }) => Outcome.rowOf(name, "letters", samplesOf(name))),
    comparisons: [...comparisons, ...costs],
    notes: [
      `Replay.run: token, pages of ${ReplaySubject.pageSize}, requests, receipts, audit and checkpoints in files, with syncs, ` +
        "metrics; no monitoring webhook. undici, fetch: bytes made beforehand, sent; the answers parsed. " +
        "Connections, and the token, are there from warming up.",
      "sequential in Python: the usual script, with requests: letters one by one, each request on a new connection, a monitoring " +
        "webhook told after each letter, all letters in memory, the audit at the end. " +
        "sequential in Node: the same on node:http, without a webhook.",
      ...(hasPython ? [] : ["sequential in Python was not measured: there is no python3 with requests."]),
      "raw sockets: bytes made beforehand, sent; the answers not even read. What the server can take."
    ]
  } satisfies Outcome.Outcome
})

export const measure = (plan: Plan) => measureLoads(plan, loads)
