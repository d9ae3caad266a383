import { Effect, Predicate, Result, Schema } from "effect"
import { causesOf } from "../domain/Causes.ts"
import * as LosslessJson from "../domain/LosslessJson.ts"
import { maxPayloadBytes } from "../domain/ReplayRequest.ts"
import type { ResolvedOptions } from "./EmulatorOptions.ts"
import type { Listing } from "./Listing.ts"
import * as Seeded from "./Seeded.ts"

/** A letter in the queue that is not JSON: a text, or a value that cannot be written as JSON. */
export class InvalidQueue extends Schema.TaggedError<InvalidQueue>()("InvalidQueue", {
  index: Schema.Int,
  problem: Schema.String
}) {
  override get message(): string {
    return `letter ${this.index} of the queue is not JSON: ${this.problem}`
  }
}

/** Where the letters of a queue come from. */
export interface LetterSource {
  readonly size: number
  /** The letter at a position from 0 up to, not including, `size`. */
  readonly at: (index: number) => unknown
  /** The payloads that the queue holds under an event id; none when it does not know the id. */
  readonly payloadsOf: (eventId: string) => ReadonlyArray<unknown>
}

/** The letters in their order; a position is an index. */
export const listing = (source: LetterSource): Listing => ({
  left: (position) => source.size - position,
  take: (position, count) => ({
    entries: Array.from({ length: count }, (_, offset) => source.at(position + offset)),
    end: position + count
  })
})

const failureReasons = [
  "HTTP 502 Bad Gateway",
  "HTTP 503 Service Unavailable",
  "HTTP 500 Internal Server Error",
  "Connection timed out after 10000 ms",
  "TLS handshake failed"
]
const eventTypes = ["conversation:start", "conversation:end", "conversation:transfer", "contact:update"]
const queues = ["voice-emea", "voice-us", "chat", "email"]

const epoch = Date.UTC(2024, 4, 10, 14, 30)
const iso = (seconds: number): string => `${new Date(epoch + seconds * 1000).toISOString().slice(0, 19)}Z`
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0").slice(-digits)
const pattern = /^evt_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12})$/

/** A letter is a pure function of its index and the seed, so a queue of millions takes no memory. */
const generated = (options: ResolvedOptions): LetterSource => {
  const { oversize, pastRetries, seed, topicId } = options
  const bits = (index: number, use: number) => Seeded.bits(seed, index, use)
  const chance = (index: number, use: number) => Seeded.unit(seed, index, use)
  const choose = (choices: ReadonlyArray<string>, index: number, use: number) =>
    choices[bits(index, use) % choices.length]
  const padding = oversize > 0 ? "x".repeat(maxPayloadBytes) : ""

  // The index stands in the last group, which makes ids unique and leads back from an id to its letter.
  const eventId = (index: number) => {
    const noise = hex(bits(index, 1), 8) + hex(bits(index, 2), 8)
    const groups = [noise.slice(0, 8), noise.slice(8, 12), `4${noise.slice(12, 15)}`, `8${noise.slice(13)}`]
    return `evt_${groups.join("-")}-${hex(index, 12)}`
  }
  const payload = (index: number) => ({
    conversationId: `conv_${index}`,
    type: choose(eventTypes, index, 3),
    timestamp: iso(index),
    queue: choose(queues, index, 4),
    durationMs: bits(index, 5) % 600_000,
    ...(chance(index, 6) < oversize ? { transcript: padding } : {})
  })
  const at = (index: number) => {
    const retryCount = chance(index, 7) < pastRetries ? 5 + (bits(index, 8) % 3) : bits(index, 8) % 5
    return {
      eventId: eventId(index),
      topicId,
      payload: payload(index),
      failureReason: choose(failureReasons, index, 9),
      retryCount,
      firstFailureTimestamp: iso(index + 5),
      lastFailureTimestamp: iso(index + 5 + retryCount * 60)
    }
  }
  return {
    size: options.letters,
    at,
    payloadsOf: (id) => {
      const index = Number.parseInt(pattern.exec(id)?.[1] ?? "", 16)
      return index < options.letters && eventId(index) === id ? [payload(index)] : []
    }
  }
}

const given = (letters: ReadonlyArray<unknown>): LetterSource => {
  const byId = new Map<string, Array<unknown>>()
  for (const letter of letters) {
    if (!Predicate.hasProperty(letter, "eventId") || typeof letter.eventId !== "string") continue
    const payload = Predicate.hasProperty(letter, "payload") ? letter.payload : undefined
    const known = byId.get(letter.eventId)
    if (known === undefined) byId.set(letter.eventId, [payload])
    else known.push(payload)
  }
  return { size: letters.length, at: (index) => letters[index], payloadsOf: (id) => byId.get(id) ?? [] }
}

/**
 * The letter as pages will hold it. One with a `bigint` or a cycle cannot be written and would fail each page it is on.
 */
const readLetter = (entry: unknown): Result.Result<unknown, string> =>
  Result.flatMap(typeof entry === "string" ? LosslessJson.parse(entry) : Result.succeed(entry), (letter) =>
    Result.map(Result.try({ try: () => JSON.stringify(letter), catch: causesOf }), () => letter)
  )

export const make = Effect.fnUntraced(function* (options: ResolvedOptions) {
  if (options.queue === undefined) return generated(options)
  const letters = yield* Effect.forEach(options.queue, (entry, index) =>
    Effect.fromResult(Result.mapError(readLetter(entry), (problem) => new InvalidQueue({ index, problem })))
  )
  return given(letters)
})
