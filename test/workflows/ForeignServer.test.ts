import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { readFileSync } from "node:fs"
import { Replay, type ReplayOutcome } from "../../src/index.ts"
import { entry, keyOf, replays, start, tokenOf } from "./support/ForeignServer.ts"
import { addsUp, auditRecords, onServer } from "./support/Harness.ts"

const topic = "topic/ä?x=1 #1 é%2F"
const packageJson: { version: string } = JSON.parse(readFileSync("package.json", "utf8"))

interface Letter {
  readonly id: string
  /** A text of JSON; absent for a letter without one. */
  readonly payload?: string | undefined
  readonly retryCount?: number | undefined
  readonly reason?: string | null | undefined
  readonly first?: string | null | undefined
  readonly last?: string | null | undefined
}

const textOf = (value: unknown): string | undefined => (value === undefined ? undefined : JSON.stringify(value))

const listed = (letter: Letter): string =>
  entry({
    lastFailureTimestamp: textOf(letter.last),
    eventId: JSON.stringify(letter.id),
    topicId: JSON.stringify(topic),
    payload: letter.payload,
    failureReason: textOf(letter.reason),
    retryCount: textOf(letter.retryCount),
    firstFailureTimestamp: textOf(letter.first),
    region: `{"kept":[1,2]}`
  })

const keyText = ({ id, retryCount = 0 }: Letter): string => `replay-${id}-v${retryCount + 1}`

/** The contract: printable ASCII stands, everything else is percent-encoded as UTF-8. */
const headerText = (letter: Letter): string =>
  Array.from(keyText(letter), (character) =>
    /^[\x20-\x7e]$/.test(character) ? character : encodeURIComponent(character)
  ).join("")

const bodyText = (letter: Letter, initiatedAt: string): string =>
  `{"eventId":${JSON.stringify(letter.id)},"idempotencyKey":${JSON.stringify(keyText(letter))},` +
  `"originalPayload":${letter.payload},"retryMatrix":{"currentAttempt":${(letter.retryCount ?? 0) + 1},"maxAllowed":5,` +
  `"firstFailure":${textOf(letter.first ?? null)},"lastFailure":${textOf(letter.last ?? null)},` +
  `"failureReason":${textOf(letter.reason ?? null)}},` +
  `"routingDirective":{"destinationOverride":null,"preserveOriginalTopic":true},` +
  `"replayMetadata":{"initiatedAt":"${initiatedAt}","clientVersion":"${packageJson.version}"}}`

/** Pages of these sizes, over and over, until the entries are used up; two empty pages at the end. */
const paged = (entries: ReadonlyArray<string>, sizes: ReadonlyArray<number>): ReadonlyArray<ReadonlyArray<string>> => {
  const pages: Array<ReadonlyArray<string>> = []
  for (let from = 0; from < entries.length;) {
    const size = sizes[pages.length % sizes.length] ?? 1
    pages.push(entries.slice(from, from + size))
    from += size
  }
  return [...pages, [], []]
}

const numbered = (index: number): Letter => ({
  id: index % 41 === 0 ? `evt/${index}?x=1&y#z é 日本 😀 "\\` : `evt_${index}`,
  payload: `{"conversationId":"conv_${index}","größe":${index}.5,"list":[null,true,"é"]}`,
  retryCount: index % 3 === 0 ? undefined : index % 5,
  reason: index % 7 === 0 ? (index % 2 === 0 ? null : undefined) : `HTTP 50${index % 4} — Bad`,
  first: index % 11 === 0 ? undefined : "2024-05-10T14:30:05Z",
  last: index % 13 === 0 ? null : "2024-05-10T14:35:00+02:00"
})

describe("a server that is not ours", () => {
  it.live("gets 2,000 letters over short and empty pages, each once, as the contract has it", () =>
    Effect.gen(function* () {
      const letters = Array.from({ length: 2000 }, (_, index) => numbered(index))
      const pages = paged(letters.map(listed), [50, 0, 3, 1, 0, 0, 49, 17])
      const server = yield* start({ topicId: topic, pages })
      const report = yield* Effect.flatMap(Replay, (replay) => replay.run({ topicId: topic })).pipe(
        Effect.provide(onServer(server.url))
      )

      assert.match(report.initiatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.strictEqual(replays(server).length, 2000)
      assert.deepStrictEqual(
        new Map(Array.from(server.bodies).toSorted()),
        new Map(letters.map((letter) => [headerText(letter), bodyText(letter, report.initiatedAt)] as const).toSorted())
      )
      assert.deepStrictEqual(
        new Set(replays(server).map(({ target }) => target)),
        new Set([`/api/v2/eventbridge/topics/${encodeURIComponent(topic)}/events`])
      )
      for (const { headers } of server.arrivals.filter(({ route }) => route !== "token")) {
        assert.strictEqual(headers["authorization"], `Bearer ${server.issued[0]}`)
        assert.strictEqual(headers["accept"], "application/json")
        assert.strictEqual(headers["x-genesys-client-name"], "effect-cxone-eventbridge")
      }
      const queries = server.arrivals
        .filter(({ route }) => route === "list")
        .map(({ target }) => Array.from(new URLSearchParams(target.split("?")[1])))
      const expected = pages.map((_, page) => [
        ["topicId", topic],
        ["limit", "50"],
        ...(page === 0 ? [] : [["nextPageToken", tokenOf(page)]])
      ])
      assert.deepStrictEqual(queries, expected)
      const tokenRequests = server.arrivals.filter(({ route }) => route === "token")
      assert.strictEqual(tokenRequests.length, 1)
      assert.include(tokenRequests[0]?.headers["content-type"], "application/x-www-form-urlencoded")
      assert.deepStrictEqual(Array.from(new URLSearchParams(tokenRequests[0]?.body)), [
        ["grant_type", "client_credentials"],
        ["client_id", "demo"],
        ["client_secret", "demo"]
      ])
      assert.deepStrictEqual(
        [report.status, report.letters, report.success, report.failed, report.skipped, report.stopped.pages],
        ["completed", 2000, 2000, 0, 0, pages.length]
      )
    })
  )

  it.live("gets no letter that is past its retries, too large, without payload or unreadable", () =>
    Effect.gen(function* () {
      const twoBytes = "é".repeat(131_070)
      const sent: ReadonlyArray<Letter> = [
        { id: "at-the-limit", payload: `"${twoBytes}xx"` },
        { id: "at-the-limit-in-escapes", payload: `"${"\\ud800".repeat(43_690)}xx"` },
        { id: "at-the-limit-in-pairs", payload: `["${"😀".repeat(65_534)}",123]` },
        { id: "last-attempt", payload: "0", retryCount: 4 },
        { id: "false", payload: "false" },
        { id: "empty", payload: `""` }
      ]
      const skipped: ReadonlyArray<readonly [Letter, string]> = [
        [{ id: "one-byte-over", payload: `"${twoBytes}xxx"` }, "PAYLOAD_TOO_LARGE"],
        [{ id: "three-bytes-each", payload: `"${"日".repeat(87_382)}"` }, "PAYLOAD_TOO_LARGE"],
        [{ id: "past-retries", payload: "1", retryCount: 5 }, "MAX_ATTEMPTS_REACHED"],
        [{ id: "long-past", payload: "1", retryCount: 4000 }, "MAX_ATTEMPTS_REACHED"],
        [{ id: "no-payload" }, "PAYLOAD_MISSING"],
        [{ id: "null-payload", payload: "null" }, "PAYLOAD_MISSING"]
      ]
      const payload = `{"a":1}`
      const unreadable = [
        "null",
        `"text"`,
        "[]",
        entry({ payload }),
        entry({ eventId: "17", topicId: JSON.stringify(topic), payload }),
        entry({ eventId: `"negative"`, topicId: JSON.stringify(topic), payload, retryCount: "-1" }),
        entry({ eventId: `"worded"`, topicId: JSON.stringify(topic), payload, retryCount: `"3"` }),
        entry({ eventId: `"no topic"`, topicId: `""`, payload }),
        entry({ eventId: `"a step"`, topicId: `".."`, payload }),
        entry({ eventId: `"half a pair"`, topicId: `"or\\ud800"`, payload })
      ]
      const entries = [...sent.map(listed), ...skipped.map(([letter]) => listed(letter)), ...unreadable]
      const server = yield* start({ topicId: topic, pages: paged(entries, [4]) })
      const [report, records] = yield* Effect.gen(function* () {
        return [yield* (yield* Replay).run({ topicId: topic }), yield* auditRecords] as const
      }).pipe(Effect.provide(onServer(server.url)))

      assert.deepStrictEqual(
        Object.fromEntries(server.bodies),
        Object.fromEntries(sent.map((letter) => [headerText(letter), bodyText(letter, report.initiatedAt)]))
      )
      assert.strictEqual(replays(server).length, sent.length)
      assert.deepStrictEqual(report.bySkipReason, {
        PAYLOAD_TOO_LARGE: 2,
        MAX_ATTEMPTS_REACHED: 2,
        PAYLOAD_MISSING: 2,
        UNREADABLE_LETTER: unreadable.length
      })
      assert.deepStrictEqual(
        [report.success, report.failed, report.skipped],
        [sent.length, 0, skipped.length + unreadable.length]
      )
      assert.isTrue(addsUp(report))

      assert.strictEqual(records.length, entries.length)
      const why = new Map(records.map((record) => [record.event_id, record]))
      for (const [letter, reason] of skipped) {
        const record = why.get(letter.id)
        assert.deepStrictEqual(
          [record?.status, record?.error_classification, record?.idempotency_key],
          ["SKIPPED", reason, keyText(letter)]
        )
        assert.isNotEmpty(record?.detail)
      }
      assert.include(why.get("one-byte-over")?.detail, "262,145")
      const unread = records.filter(({ error_classification }) => error_classification === "UNREADABLE_LETTER")
      assert.strictEqual(unread.length, unreadable.length)
      assert.isTrue(unread.every(({ detail, status }) => status === "SKIPPED" && (detail ?? "").length > 10))
      assert.include(why.get("negative")?.detail, "retryCount")
      for (const id of ["no topic", "a step", "half a pair"]) assert.include(why.get(id)?.detail, "topicId")
    })
  )

  const odd = [
    `{"n":12345678901234567890}`,
    `{"d":0.1000000000000000055511151231257827}`,
    `{"big":1e400,"small":1e-400,"exp":1E+2}`,
    `{"z":-0,"list":[-0,-0.0,0]}`,
    `{"lone":"\\ud800","low":"a\\udc00b","pair":"😀","nul":"\\u0000"}`,
    `{"__proto__":{"a":1},"constructor":{"prototype":null},"toJSON":"x","rawJSON":"1e400"}`,
    `{"deep":[{"__proto__":[12345678901234567890,{"__proto__":null}]}]}`,
    "12345678901234567890",
    "-0",
    "1e400",
    `{"in a string":"12345678901234567890, -0 and 1e400","":""}`,
    `[9007199254740993,{"x":-9007199254740993},1.7976931348623157e309]`
  ]

  it.live("gets payloads with the values they had", () =>
    Effect.gen(function* () {
      const letters = odd.map((payload, index): Letter => ({ id: `odd_${index}`, payload }))
      const withPrototype = `{"__proto__":{"eventId":"not this"},${listed({ id: "odd_own", payload: "1" }).slice(1)}`
      const server = yield* start({ topicId: topic, pages: [[...letters.map(listed), withPrototype]] })
      const report = yield* Effect.flatMap(Replay, (replay) => replay.run({ topicId: topic })).pipe(
        Effect.provide(onServer(server.url))
      )
      for (const letter of letters) {
        assert.strictEqual(server.bodies.get(headerText(letter)), bodyText(letter, report.initiatedAt))
      }
      assert.strictEqual(
        server.bodies.get("replay-odd_own-v1"),
        bodyText({ id: "odd_own", payload: "1" }, report.initiatedAt)
      )
      assert.strictEqual(report.success, odd.length + 1)
    })
  )
})

const page = (status: number): string =>
  `<!doctype html><html><head><title>${status} from the gateway</title></head><body><h1>No</h1></body></html>`

const reasonOf = (outcome: ReplayOutcome): string => {
  if (outcome._tag === "Duplicate") return "DUPLICATE_DETECTED"
  if (outcome._tag !== "Rejected" && outcome._tag !== "Exhausted") return outcome._tag
  const { reason } = outcome.error
  return reason._tag === "MaxRetriesExceeded" ? `${reason.last.classification}, tried again` : reason.classification
}

/** One letter a status: its key names it. */
const statusOf = (name: string): number => Number(/status_(\d+)/.exec(name)?.[1])

describe("answers of all kinds", () => {
  const table: ReadonlyArray<readonly [number, string, string]> = [
    [400, "Rejected", "SCHEMA_VIOLATION"],
    [422, "Rejected", "SCHEMA_VIOLATION"],
    [401, "Rejected", "UNAUTHORIZED"],
    [403, "Rejected", "FORBIDDEN"],
    [404, "Rejected", "NOT_FOUND"],
    [408, "Exhausted", "TIMEOUT, tried again"],
    [425, "Exhausted", "TIMEOUT, tried again"],
    [409, "Duplicate", "DUPLICATE_DETECTED"],
    [413, "Rejected", "PAYLOAD_TOO_LARGE"],
    [429, "Exhausted", "RATE_LIMITED, tried again"],
    [500, "Exhausted", "SERVER_TRANSIENT, tried again"],
    [502, "Exhausted", "SERVER_TRANSIENT, tried again"],
    [503, "Exhausted", "SERVER_TRANSIENT, tried again"],
    [504, "Exhausted", "SERVER_TRANSIENT, tried again"],
    [599, "Exhausted", "SERVER_TRANSIENT, tried again"],
    [302, "Rejected", "UNKNOWN_FAILURE"],
    [402, "Rejected", "UNKNOWN_FAILURE"],
    [418, "Rejected", "UNKNOWN_FAILURE"]
  ]
  const lettersOf = (statuses: ReadonlyArray<number>) =>
    statuses.map((status) => listed({ id: `status_${status}`, payload: "1" }))

  it.live("HTML error pages are classified by their status", () =>
    Effect.gen(function* () {
      const statuses = table.map(([status]) => status)
      const server = yield* start({
        topicId: topic,
        pages: [lettersOf(statuses)],
        answer: (arrival) =>
          arrival.route === "replay"
            ? {
                status: statusOf(keyOf(arrival)),
                headers: { "content-type": "text/html" },
                body: page(statusOf(keyOf(arrival)))
              }
            : undefined
      })
      const [outcomes, records] = yield* Effect.gen(function* () {
        const all = yield* Stream.runCollect((yield* Replay).stream({ topicId: topic }))
        return [all, yield* auditRecords] as const
      }).pipe(
        Effect.provide(
          onServer(server.url, { retry: { baseDelay: "1 millis", maxRetries: 2 }, breaker: { failures: 1000 } })
        )
      )
      const found = outcomes.map((outcome) => [statusOf(outcome.eventId), outcome._tag, reasonOf(outcome)] as const)
      const byStatus = ([left]: readonly [number, ...Array<unknown>], [right]: readonly [number, ...Array<unknown>]) =>
        left - right
      assert.deepStrictEqual(found.toSorted(byStatus), table.toSorted(byStatus))

      const tries = (status: number) => replays(server).filter((arrival) => statusOf(keyOf(arrival)) === status).length
      // Other letters are taken: a token that is refused may have been revoked, and is renewed three times at most.
      const finalTries = (status: number) => (status === 401 ? 4 : 1)
      for (const [status, tag] of table) {
        assert.strictEqual(tries(status), tag === "Exhausted" ? 3 : finalTries(status), String(status))
      }
      for (const record of records) {
        if (record.status !== "SKIPPED") assert.include(record.detail, "from the gateway")
        assert.notInclude(record.detail ?? "", "<")
      }
    })
  )

  it.live("a failure's body, whatever it is, does not keep the next try from succeeding", () =>
    Effect.gen(function* () {
      const bodies = ["", "null", "[]", `"text"`, `{"message":{"deep":1}}`, `{"title":"x"}`, "\u0000\u001b[2J", page(1)]
      const statuses = [408, 425, 429, 500, 502, 503, 504]
      const names = statuses.flatMap((status) => bodies.map((_, body) => `status_${status}_${body}`))
      const server = yield* start({
        topicId: topic,
        pages: [names.map((id) => listed({ id, payload: "1" }))],
        answer: (arrival) =>
          arrival.route === "replay" && arrival.attempt === 1
            ? {
                status: statusOf(keyOf(arrival)),
                body: bodies[Number(/_(\d+)-v/.exec(keyOf(arrival))?.[1])] ?? "",
                afterTaking: arrival.body.length % 2 === 0
              }
            : undefined
      })
      const report = yield* Effect.flatMap(Replay, (replay) => replay.run({ topicId: topic })).pipe(
        Effect.provide(onServer(server.url, { retry: { baseDelay: "1 millis" }, breaker: { failures: 1000 } }))
      )
      assert.strictEqual(replays(server).length, names.length * 2)
      assert.deepStrictEqual(new Set(server.bodies.keys()), new Set(names.map((id) => `replay-${id}-v1`)))
      assert.strictEqual(server.changed.size, 0)
      assert.deepStrictEqual([report.failed, report.letters], [0, names.length])
    })
  )

  it.live("a receipt that cannot be read does not make the letter fail, or be sent again", () =>
    Effect.gen(function* () {
      const receipts = [
        { status: 200, body: page(200), headers: { "content-type": "text/html" } },
        { status: 200, body: "" },
        { status: 200, body: "[]" },
        { status: 200, body: `{"eventId":1,"status":"queued"}` },
        { status: 200, body: `{"eventId":"taken","sta` },
        { status: 202, body: "OK" },
        { status: 204 }
      ]
      const readable = [
        { status: 201, body: `{"eventId":"taken","status":"queued","routingStatus":"delivered","more":[1]}` },
        { status: 200, body: `{"eventId":"taken","status":"parked","processedAt":null}` }
      ]
      const all = [...receipts, ...readable]
      const server = yield* start({
        topicId: topic,
        pages: [all.map((_, index) => listed({ id: `receipt_${index}`, payload: "1" }))],
        answer: (arrival) => {
          const index = Number(/receipt_(\d+)/.exec(keyOf(arrival))?.[1])
          const answer = all[index]
          return arrival.route === "replay" && answer !== undefined ? { ...answer, afterTaking: true } : undefined
        }
      })
      const report = yield* Effect.flatMap(Replay, (replay) => replay.run({ topicId: topic })).pipe(
        Effect.provide(onServer(server.url))
      )
      assert.strictEqual(replays(server).length, all.length)
      assert.strictEqual(server.bodies.size, all.length)
      assert.deepStrictEqual(
        [report.success, report.failed, report.skipped, report.unreadableReceipts],
        [all.length, 0, 0, receipts.length]
      )
    })
  )

  it.live("a success from where a client was redirected to does not count as the service's", () =>
    Effect.gen(function* () {
      const server = yield* start({
        topicId: topic,
        pages: [[listed({ id: "redirected", payload: "1" })]],
        answer: ({ route, target }) => {
          if (route === "replay") return { status: 303, headers: { location: "/sign-in?session=s3cret" } }
          return target.startsWith("/sign-in") ? { status: 200, body: page(200) } : undefined
        }
      })
      const outcomes = yield* Stream.unwrap(Effect.map(Replay, ({ stream }) => stream({ topicId: topic }))).pipe(
        Stream.runCollect,
        Effect.provide(onServer(server.url, {}, FetchHttpClient.layer))
      )
      const [outcome] = outcomes
      if (outcome?._tag !== "Rejected") return assert.fail(outcome?._tag)
      assert.strictEqual(
        outcome.error.message,
        `ReplayEvent: unexpected: the request was redirected to ${server.url}/sign-in (200)`
      )
      assert.strictEqual(server.bodies.size, 0)
    })
  )

  it.live("a success that a fetch of the application's own has from elsewhere is one", () =>
    Effect.gen(function* () {
      const server = yield* start({ topicId: topic, pages: [[listed({ id: "rewritten", payload: "1" })]] })
      const rewriting: typeof fetch = (input, init) =>
        fetch(String(input).replace("https://bus.example.com", `${server.url}/gateway/..`), init)
      const report = yield* Effect.flatMap(Replay, (replay) => replay.run({ topicId: topic })).pipe(
        Effect.provide(onServer("https://bus.example.com", {}, FetchHttpClient.layer)),
        Effect.provideService(FetchHttpClient.Fetch, rewriting)
      )
      assert.deepStrictEqual([report.success, report.failed, server.bodies.size], [1, 0, 1])
    })
  )
})
