// A script that does less than the usual one: all letters in memory, one after the other, a new connection for each request,
// the audit at the end, and no webhook.
import { writeFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import * as Replaying from "./Replaying.ts"
import * as Subject from "./Subject.ts"

interface Letter {
  readonly eventId: string
  readonly payload: unknown
  readonly failureReason: string
  readonly retryCount: number
  readonly firstFailureTimestamp: string
  readonly lastFailureTimestamp: string
}

const call = (method: string, path: string, headers: Readonly<Record<string, string>>, body = "") =>
  new Promise<{ readonly status: number; readonly body: string }>((done, failed) => {
    const length = { "content-length": String(Buffer.byteLength(body)) }
    const options = { host: "127.0.0.1", port: Replaying.port, method, path, headers: { ...headers, ...length } }
    const sent = request({ ...options, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => (text += chunk))
      response.on("end", () => done({ status: response.statusCode ?? 0, body: text }))
    })
    sent.on("error", failed)
    sent.end(body)
  })

const listAll = async (topicId: string, authorization: string) => {
  const letters: Array<Letter> = []
  let next: string | undefined
  do {
    const token = next === undefined ? "" : `&nextPageToken=${next}`
    const path = `/api/v2/eventbridge/dlq/events?topicId=${topicId}&limit=50${token}`
    const { body } = await call("GET", path, { authorization })
    const page = JSON.parse(body)
    letters.push(...page.events)
    next = page.nextPageToken
  } while (next !== undefined)
  return letters
}

const replay = async (topicId: string) => {
  const form = { "content-type": "application/x-www-form-urlencoded" }
  const token = JSON.parse((await call("POST", "/oauth2/token", form, "grant_type=client_credentials")).body)
  const authorization = `Bearer ${token.access_token}`
  const audit: Array<unknown> = []
  for (const [index, letter] of (await listAll(topicId, authorization)).entries()) {
    const start = performance.now()
    const currentAttempt = letter.retryCount + 1
    const idempotencyKey = `replay-${letter.eventId}-v${currentAttempt}`
    const sent = JSON.stringify({
      eventId: letter.eventId,
      idempotencyKey,
      originalPayload: letter.payload,
      retryMatrix: {
        currentAttempt,
        maxAllowed: 5,
        firstFailure: letter.firstFailureTimestamp,
        lastFailure: letter.lastFailureTimestamp,
        failureReason: letter.failureReason
      },
      routingDirective: { destinationOverride: null, preserveOriginalTopic: true },
      replayMetadata: { initiatedAt: new Date().toISOString(), clientVersion: Replaying.clientVersion }
    })
    const headers = { ...Replaying.headers(index), authorization, "idempotency-key": idempotencyKey }
    const { body, status } = await call("PUT", Replaying.path(topicId), headers, sent)
    Replaying.check(index, status, JSON.parse(body))
    audit.push({
      event_id: letter.eventId,
      action: "REPLAY_PUT",
      status: "SUCCESS",
      latency_ms: Math.round(performance.now() - start),
      timestamp: new Date().toISOString()
    })
  }
  writeFileSync(join(Replaying.folder, `${topicId}.json`), JSON.stringify(audit, null, 2))
}

await replay("warm-up")
Subject.answer(await Subject.measure(Replaying.letters, () => replay("measured")))
