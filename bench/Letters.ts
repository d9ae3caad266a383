// The dead letters of every measurement: a pure function of their index, so that a queue of a million takes no memory.

const eventTypes = ["conversation:start", "conversation:end", "conversation:transfer", "contact:update"]
const queues = ["voice-emea", "voice-us", "chat", "email"]
const failureReasons = ["HTTP 502 Bad Gateway", "HTTP 503 Service Unavailable", "Connection timed out after 10000 ms"]

const choose = (choices: ReadonlyArray<string>, index: number) => choices[index % choices.length]
const digits = (value: number, length: number) => String(value).padStart(length, "0")
const minute = (index: number) => `${digits(index % 24, 2)}:${digits(index % 60, 2)}`

const idHead = "evt_8f3a2b1c-9d4e-4f6a-8b7c-"

export const eventId = (index: number): string => idHead + index.toString(16).padStart(12, "0")

const attempt = (index: number) => (index % 4) + 1

export const idempotencyKey = (index: number): string => `replay-${eventId(index)}-v${attempt(index)}`

/** The index of the letter a key belongs to; -1 when it is not the key of any. */
export const indexOfKey = (key: string): number => {
  const index = Number.parseInt(key.slice(idHead.length + 7, idHead.length + 19), 16)
  return idempotencyKey(index) === key ? index : -1
}

const payload = (index: number) =>
  `{"conversationId":"conv_${index}","type":"${choose(eventTypes, index)}","timestamp":"2024-05-10T${minute(index)}:00Z",` +
  `"queue":"${choose(queues, index >> 2)}","durationMs":${(index * 7919) % 600_000},"participants":[` +
  `{"id":"agent_${index % 997}","role":"agent"},{"id":"customer_${index}","role":"customer"}],"isRecorded":${index % 2 === 0}}`

/** A letter as the queue lists it. */
export const letter = (topicId: string, index: number): string =>
  `{"eventId":"${eventId(index)}","topicId":"${topicId}","payload":${payload(index)},` +
  `"failureReason":"${choose(failureReasons, index)}","retryCount":${attempt(index) - 1},` +
  `"firstFailureTimestamp":"2024-05-10T${minute(index)}:05Z","lastFailureTimestamp":"2024-05-10T${minute(index)}:45Z"}`

/** A page of the queue: the letters from one index up to, not including, another. */
export const page = (topicId: string, from: number, to: number, nextPageToken: string | undefined): string => {
  const letters = Array.from({ length: to - from }, (_, offset) => letter(topicId, from + offset))
  return `{"events":[${letters.join(",")}]${nextPageToken === undefined ? "" : `,"nextPageToken":"${nextPageToken}"`}}`
}

/** The body of a letter's replay up to the start of its run, which is the run's own. */
export const bodyHead = (index: number): string =>
  `{"eventId":"${eventId(index)}","idempotencyKey":"${idempotencyKey(index)}","originalPayload":${payload(index)},` +
  `"retryMatrix":{"currentAttempt":${attempt(index)},"maxAllowed":5,"firstFailure":"2024-05-10T${minute(index)}:05Z",` +
  `"lastFailure":"2024-05-10T${minute(index)}:45Z","failureReason":"${choose(failureReasons, index)}"},` +
  `"routingDirective":{"destinationOverride":null,"preserveOriginalTopic":true},"replayMetadata":{"initiatedAt":"`

/** The whole body, byte for byte what the library sends. */
export const body = (index: number, initiatedAt: string, clientVersion: string): string =>
  `${bodyHead(index)}${initiatedAt}","clientVersion":"${clientVersion}"}}`

/** The answer to a replay. Its length is the same for all. */
export const receipt = (index: number): string =>
  `{"eventId":"${eventId(index)}","status":"queued","routingStatus":"delivered","processedAt":"2024-05-11T09:15:22.103Z"}`
