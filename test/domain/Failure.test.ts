import { assert, describe, it } from "@effect/vitest"
import { Duration, Option, Schema } from "effect"
import { detailOfBody, ofAnswer, rootMessage } from "../../src/domain/Failure.ts"
import { Operation } from "../../src/index.ts"

const cap = Duration.minutes(2)

const reasonOf = (status: number, operation: Operation = "ReplayEvent", retryAfter?: Duration.Duration) =>
  ofAnswer(operation, { status, detail: "why", retryAfter: Option.fromUndefinedOr(retryAfter) }, cap)

it.each([
  [
    new Error("SSL routines:wrong version number:../tlsany_meth.c:77:\n"),
    "SSL routines:wrong version number:../tlsany_meth.c:77:"
  ],
  [
    Object.assign(
      new Error("407D:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:rec.c:77:"),
      {
        library: "SSL routines",
        reason: "wrong version number",
        code: "ERR_SSL_WRONG_VERSION_NUMBER"
      }
    ),
    "TLS: wrong version number"
  ],
  [new TypeError("fetch failed", { cause: new Error("no \u001b[31mred\nname") }), "no [31mred name"],
  ["refused\n", "refused"]
])("what a request failed with is one line: %s", (error, message) => {
  assert.strictEqual(rootMessage(error), message)
})

describe("Failure.ofAnswer", () => {
  it.each([
    [400, "SCHEMA_VIOLATION", false, false],
    [422, "SCHEMA_VIOLATION", false, false],
    [401, "UNAUTHORIZED", false, false],
    [403, "FORBIDDEN", false, false],
    [404, "NOT_FOUND", false, false],
    [408, "TIMEOUT", true, true],
    [425, "TIMEOUT", true, true],
    [409, "DUPLICATE_DETECTED", false, false],
    [413, "PAYLOAD_TOO_LARGE", false, false],
    [429, "RATE_LIMITED", true, false],
    [500, "SERVER_TRANSIENT", true, true],
    [501, "SERVER_TRANSIENT", true, true],
    [502, "SERVER_TRANSIENT", true, true],
    [503, "SERVER_TRANSIENT", true, true],
    [504, "SERVER_TRANSIENT", true, true],
    [599, "SERVER_TRANSIENT", true, true],
    [100, "UNKNOWN_FAILURE", false, false],
    [301, "UNKNOWN_FAILURE", false, false],
    [402, "UNKNOWN_FAILURE", false, false],
    [405, "UNKNOWN_FAILURE", false, false],
    [418, "UNKNOWN_FAILURE", false, false],
    [600, "UNKNOWN_FAILURE", false, false]
  ] as const)("%d is %s (retryable: %s, ambiguous: %s)", (status, classification, isRetryable, isAmbiguous) => {
    const reason = reasonOf(status)
    assert.strictEqual(reason.classification, classification)
    assert.strictEqual(reason.isAmbiguous, isAmbiguous)
    assert.strictEqual(reason.isRetryable, isRetryable)
    assert.include(reason.message, "why")
    assert.isAbove(reason.hint.length, 0)
  })

  it("a token request refused with 400 has wrong credentials", () => {
    assert.strictEqual(reasonOf(400, "Token")._tag, "Unauthorized")
    assert.strictEqual(reasonOf(401, "Token")._tag, "Unauthorized")
  })

  it("a 403 names the scopes the call needs", () => {
    assert.deepInclude(reasonOf(403, "ReplayEvent"), { scopes: ["eventbridge:write"] })
    assert.deepInclude(reasonOf(403, "ListDeadLetters"), { scopes: ["eventbridge:read"] })
    assert.include(reasonOf(403, "ListDeadLetters").hint, "eventbridge:read")
  })

  it("a pause is passed on; up to the cap it is waited for, above it the call ends and says so", () => {
    const atCap = reasonOf(429, "ReplayEvent", cap)
    assert.deepInclude(atCap, { retryAfterMillis: 120_000, maxRetryAfterMillis: 120_000 })
    assert.isTrue(atCap.isRetryable)
    const above = reasonOf(429, "ReplayEvent", Duration.sum(cap, Duration.millis(1)))
    assert.isFalse(above.isRetryable)
    const hour = reasonOf(429, "ReplayEvent", Duration.hours(1))
    assert.include(hour.message, "retry after 1h, more than the 2m this client waits")
    assert.include(hour.hint, "maxRetryAfter")
  })

  it("a 5xx may ask for a pause as well", () => {
    assert.deepInclude(reasonOf(503, "ReplayEvent", Duration.seconds(7)), {
      _tag: "ServerTransient",
      retryAfterMillis: 7000
    })
    const hour = reasonOf(503, "ReplayEvent", Duration.hours(1))
    assert.strictEqual(hour._tag, "RateLimited")
    assert.isFalse(hour.isRetryable)
    assert.strictEqual(
      hour.message,
      "the service failed (503, retry after 1h, more than the 2m this client waits): why"
    )
    // It may have been taken all the same; a 429 was not.
    assert.isTrue(hour.isAmbiguous)
    assert.isFalse(reasonOf(429, "ReplayEvent", Duration.hours(1)).isAmbiguous)
  })

  it.prop(
    "any status and any pause has a reason",
    [Schema.Int.check(Schema.isBetween({ minimum: 300, maximum: 999 })), Schema.Natural, Operation],
    ([status, pause, operation]) => {
      const reason = reasonOf(status, operation, Duration.millis(pause))
      assert.include(reason.message, "why")
    }
  )

  it("an endless pause is too long, and does not crash", () => {
    assert.isFalse(reasonOf(429, "ReplayEvent", Duration.infinity).isRetryable)
  })
})

describe("Failure.detailOfBody", () => {
  it.each([
    ['{"message":"no such topic"}', "no such topic"],
    ['{"type":"about:blank","title":"Bad","status":400,"detail":"the name is taken"}', "the name is taken"],
    ['{"title":"Bad","detail":"the name is taken","message":"no such topic"}', "no such topic"],
    ['{"title":"Bad Request","status":400}', "Bad Request"],
    ['{"error":"invalid_client","error_description":"unknown client"}', "unknown client"],
    ['{"error":"invalid_client"}', "invalid_client"],
    ['{"message":null,"error":{"code":3},"title":"Odd"}', "Odd"],
    ['{"message":{"code":3}}', '{"message":{"code":3}}'],
    ["null", "null"],
    ["[1,2]", "[1,2]"],
    ["<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>", "502 Bad Gateway"],
    ["<HTML><TITLE lang='en'>\n Not\n here </TITLE></HTML>", "Not here"],
    ["<h1>Gateway</h1><p>is down</p>", "Gateway is down"],
    ["", "no details were given"],
    [" \n\t", "no details were given"],
    ['{"message":""}', "no details were given"],
    ["plain\r\n text", "plain text"],
    ["\u001b[31mred\u001b[0m\u0007 \u202eevil", "[31mred [0m evil"]
  ])("%j says %j", (body, detail) => {
    assert.strictEqual(detailOfBody(body), detail)
  })

  it("is cut where it is very long", () => {
    assert.strictEqual(detailOfBody("x".repeat(1_000_000)), `${"x".repeat(200)}…`)
    assert.strictEqual(detailOfBody(JSON.stringify({ message: "y".repeat(201) })), `${"y".repeat(200)}…`)
    assert.strictEqual(detailOfBody(JSON.stringify({ message: "y".repeat(200) })), "y".repeat(200))
  })

  it("is found in a page of unclosed titles as fast as in any other", () => {
    const start = performance.now()
    assert.match(detailOfBody("<title".repeat(50_000)), /^<title/)
    assert.match(detailOfBody("<title>x".repeat(50_000)), /^x/)
    // Followed to the end of the page each, they took some 20 s.
    assert.isBelow(performance.now() - start, 2000)
  })

  it.prop("is one short line without control characters, whatever the body", [Schema.String], ([body]) => {
    for (const text of [body, `<p>${body}`, JSON.stringify({ message: body }), `<title>${body}</title>`]) {
      const detail = detailOfBody(text)
      assert.notMatch(detail, /[\p{Cc}\p{Cf}\u2028\u2029]/u)
      assert.isAtMost(detail.length, 201)
      assert.isAbove(detail.length, 0)
    }
  })
})
