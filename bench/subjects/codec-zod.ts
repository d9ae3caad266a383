// The library's checks, with zod: letters one by one, sizes and attempts, and the body before it goes out.
import { z } from "zod"
import * as Coding from "./Coding.ts"
import { bodyOf, type Letter } from "./Script.ts"

const text = z.string().nullish()

const DeadLetter = z.looseObject({
  eventId: z.string().min(1),
  topicId: z.string().min(1),
  payload: z.unknown().optional(),
  failureReason: text,
  retryCount: z.int().nonnegative().nullish(),
  firstFailureTimestamp: text,
  lastFailureTimestamp: text
})

const Page = z.object({ events: z.array(z.unknown()), nextPageToken: text })

const Body = z.object({
  eventId: z.string(),
  idempotencyKey: z.string(),
  originalPayload: z.unknown(),
  retryMatrix: z.object({
    currentAttempt: z.int(),
    maxAllowed: z.int(),
    firstFailure: z.string().nullable(),
    lastFailure: z.string().nullable(),
    failureReason: z.string().nullable()
  }),
  routingDirective: z.object({ destinationOverride: z.string().nullable(), preserveOriginalTopic: z.boolean() }),
  replayMetadata: z.object({ initiatedAt: z.string(), clientVersion: z.string() })
})

const maxPayloadBytes = 262_144

const build = (letter: Letter) => {
  const bytes = new TextEncoder().encode(JSON.stringify(letter.payload)).length
  const body = bodyOf(letter, Coding.run)
  if (bytes > maxPayloadBytes || body.retryMatrix.currentAttempt > Coding.run.maxAttempts) throw new Error("skipped")
  return JSON.stringify(Body.parse(body))
}

await Coding.measure({
  decode: (page) => Page.parse(JSON.parse(page)).events.map((letter) => DeadLetter.parse(letter)),
  build
})
