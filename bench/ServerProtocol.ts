// What the bench and its server send each other.
import { Schema } from "effect"

/** What the server does wrong with the last letter of a topic, to show that the bench notices. */
export const Fault = Schema.Literals(["lose", "double", "fail"])
export type Fault = typeof Fault.Type

export interface Queue {
  readonly letters: number
  readonly fault: Fault | null
}

export interface ServerSetup {
  /** By topic id. */
  readonly topics: Readonly<Record<string, Queue>>
  /** How long each answer is delayed. */
  readonly latencyMillis: number
}

/** How often the letters of a topic came. */
export const TopicLedger = Schema.Struct({
  letters: Schema.Natural,
  once: Schema.Natural,
  lost: Schema.Natural,
  doubled: Schema.Natural,
  /** Keys of some that were lost or doubled. */
  examples: Schema.Array(Schema.String)
})
export type TopicLedger = typeof TopicLedger.Type

/** What the server has seen since it was set up. */
export const Ledger = Schema.Struct({
  topics: Schema.Record(Schema.String, TopicLedger),
  tokens: Schema.Natural,
  pages: Schema.Natural,
  replays: Schema.Natural,
  errorCount: Schema.Natural,
  /** The first of them. */
  errors: Schema.Array(Schema.String),
  /** By the machine's monotonic clock, which all processes share. */
  firstRequestAtNanos: Schema.NullOr(Schema.String),
  cpuMicros: Schema.Natural
})
export type Ledger = typeof Ledger.Type
