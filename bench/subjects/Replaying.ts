// The input of all ways of replaying, and how those that only send share out their letters.
import * as Letters from "../Letters.ts"
import * as Subject from "./Subject.ts"

export interface ReplayInput {
  readonly port: number
  readonly concurrency: number
  /** Letters per page, for the library. */
  readonly pageSize: number
  /** Replayed first, from the topic `warm-up`. */
  readonly warmUp: number
  /** Replayed next, from the topic `measured`, and measured. */
  readonly letters: number
  /** An empty folder for what is kept. */
  readonly folder: string
  readonly clientVersion: string
}

export const { clientVersion, concurrency, folder, letters, pageSize, port, warmUp } = Subject.input<ReplayInput>()

export const headers = (index: number) => ({
  accept: "application/json",
  authorization: "Bearer bench-token",
  "x-genesys-client-name": "bench",
  "content-type": "application/json",
  "idempotency-key": Letters.idempotencyKey(index)
})

export const path = (topicId: string) => `/api/v2/eventbridge/topics/${topicId}/events`

/** The bytes to send are ready before the clock starts: what is measured is sending them and reading the answers. */
export const bodies = (count: number): ReadonlyArray<string> => {
  const initiatedAt = new Date().toISOString()
  return Array.from({ length: count }, (_, index) => Letters.body(index, initiatedAt, clientVersion))
}

/** Sends the letters from 0 up to `count`, `concurrency` at once. */
export const sendAll = async (count: number, send: (index: number) => Promise<void>): Promise<void> => {
  let next = 0
  const worker = async () => {
    while (next < count) await send(next++)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

/** Checks everything that shows that a letter was accepted. */
export const check = (index: number, status: number, receipt: { readonly eventId?: unknown }): void => {
  if (status !== 200 || receipt.eventId !== Letters.eventId(index)) throw new Error(`letter ${index} was not accepted`)
}
