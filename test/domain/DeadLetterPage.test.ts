import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { LosslessJson } from "../../src/index.ts"
import { DeadLetterPageBody, fromBody } from "../../src/domain/DeadLetterPage.ts"

const read = (text: string, token?: string) =>
  fromBody(token, Schema.decodeUnknownSync(DeadLetterPageBody)(Result.getOrThrow(LosslessJson.parse(text))))

const page = (...events: ReadonlyArray<string>) => read(`{"events":[${events.join()}]}`)

describe("DeadLetterPage", () => {
  it("keeps members it does not know, and all digits", () => {
    const event = '{"eventId":"e","topicId":"t","payload":{"n":12345678901234567890},"region":"eu","size":1e400}'
    assert.deepStrictEqual(
      page(event).letters.map((letter) => JSON.stringify(Result.getOrThrow(letter))),
      [event]
    )
  })

  it("treats absent and null members alike", () => {
    const { letters } = page(
      '{"eventId":"e","topicId":"t"}',
      '{"eventId":"e","topicId":"t","payload":null,"retryCount":null,"failureReason":null,"firstFailureTimestamp":null}'
    )
    assert.isTrue(letters.every(Result.isSuccess))
  })

  it("only the absence of a token ends the list; null and an empty one count as absent", () => {
    assert.isUndefined(page().nextPageToken)
    assert.isUndefined(read('{"events":[],"nextPageToken":null}').nextPageToken)
    assert.isUndefined(read('{"events":[],"nextPageToken":""}').nextPageToken)
    const empty = read('{"events":[],"nextPageToken":"eyJwYWdlIjoxfQ=="}', "before")
    assert.deepStrictEqual(empty, { token: "before", nextPageToken: "eyJwYWdlIjoxfQ==", letters: [] })
  })

  it("an entry that is not a letter does not spoil its page, and keeps its id if it has one", () => {
    const { letters } = page(
      '{"eventId":"first","topicId":"t","payload":1}',
      '{"eventId":"no-topic"}',
      '{"eventId":"bad-count","topicId":"t","retryCount":-1}',
      '{"eventId":"","topicId":"t"}',
      '{"eventId":7,"topicId":"t"}',
      "null",
      '"text"',
      '{"eventId":"last","topicId":"t","payload":2}'
    )
    assert.deepStrictEqual(
      letters.map(Result.match({ onSuccess: ({ eventId }) => eventId, onFailure: ({ eventId }) => eventId })),
      ["first", "no-topic", "bad-count", "", undefined, undefined, undefined, "last"]
    )
    assert.deepStrictEqual(letters.map(Result.isSuccess), [true, false, false, false, false, false, false, true])
    const issues = letters.map(Result.match({ onSuccess: () => "", onFailure: ({ issue }) => issue }))
    assert.include(issues[1], "topicId")
    assert.include(issues[2], "retryCount")
  })
})
