import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { OpenApi } from "effect/http-api"
import { EventBridgeApi } from "../../src/index.ts"
import { TokenResponse } from "../../src/api/EventBridgeApi.ts"

const document = OpenApi.fromApi(EventBridgeApi)

const Operations = Schema.Record(
  Schema.String,
  Schema.StructWithRest(
    Schema.Struct({
      parameters: Schema.optionalKey(
        Schema.Array(Schema.Struct({ name: Schema.String, in: Schema.String, required: Schema.Boolean }))
      ),
      summary: Schema.NonEmptyString,
      responses: Schema.Record(Schema.String, Schema.Struct({ description: Schema.String })),
      requestBody: Schema.optionalKey(Schema.Struct({ content: Schema.Record(Schema.String, Schema.Unknown) })),
      security: Schema.optionalKey(Schema.Array(Schema.Record(Schema.String, Schema.Array(Schema.String))))
    }),
    [Schema.Record(Schema.String, Schema.Unknown)]
  )
)
const paths = Schema.decodeUnknownSync(Schema.Record(Schema.String, Operations))(document.paths)

/** The contract's failures, and the statuses a gateway has for its own. */
const failures = [400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504]

const subscriptions = "/api/v2/eventbridge/subscriptions"

const statusesOf = (path: string, method: string) =>
  Object.keys(paths[path]?.[method]?.responses ?? {})
    .map(Number)
    .toSorted((left, right) => left - right)

const parametersOf = (path: string, method: string) =>
  (paths[path]?.[method]?.parameters ?? []).map(
    ({ in: where, name, required }) => `${where} ${name}${required ? "" : "?"}`
  )

describe("EventBridgeApi", () => {
  it("has the contract's routes, and no other", () => {
    assert.sameMembers(
      Object.entries(paths).flatMap(([path, operations]) =>
        Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`)
      ),
      [
        "POST /oauth2/token",
        "POST /api/v2/oauth/token",
        "POST /oauth/token",
        "GET /api/v2/eventbridge/dlq/events",
        "PUT /api/v2/eventbridge/topics/{topicId}/events",
        `POST ${subscriptions}`,
        `GET ${subscriptions}`,
        `GET ${subscriptions}/{id}`,
        `PUT ${subscriptions}/{id}`,
        `DELETE ${subscriptions}/{id}`,
        `GET ${subscriptions}/{id}/delivery-status`
      ]
    )
  })

  it.each([
    ["/api/v2/eventbridge/dlq/events", "get", [200]],
    ["/api/v2/eventbridge/topics/{topicId}/events", "put", [200, 201]],
    [subscriptions, "post", [200, 201]],
    [subscriptions, "get", [200]],
    [`${subscriptions}/{id}`, "get", [200]],
    [`${subscriptions}/{id}`, "put", [200]],
    [`${subscriptions}/{id}`, "delete", [204]],
    [`${subscriptions}/{id}/delivery-status`, "get", [200]]
  ] as const)(
    "%s %s answers %j, or fails as the contract says, and needs a bearer token",
    (path, method, successes) => {
      assert.deepStrictEqual(statusesOf(path, method), [...successes, ...failures])
      assert.deepStrictEqual(paths[path]?.[method]?.security, [{ bearer: [] }])
    }
  )

  it.each(["/oauth2/token", "/api/v2/oauth/token", "/oauth/token"])("%s takes a form, and no token", (path) => {
    assert.deepStrictEqual(statusesOf(path, "post"), [200, 400, 401, 429, 500, 503])
    assert.deepStrictEqual(Object.keys(paths[path]?.["post"]?.requestBody?.content ?? {}), [
      "application/x-www-form-urlencoded"
    ])
    assert.deepStrictEqual(paths[path]?.["post"]?.security ?? [], [])
  })

  it.each([
    ["/api/v2/eventbridge/dlq/events", "get", ["query topicId", "query limit?", "query nextPageToken?"]],
    ["/api/v2/eventbridge/topics/{topicId}/events", "put", ["path topicId", "header idempotency-key"]],
    [subscriptions, "post", ["header idempotency-key"]],
    [subscriptions, "get", ["query limit?", "query nextPageToken?"]],
    [`${subscriptions}/{id}`, "put", ["path id", "header idempotency-key"]],
    [`${subscriptions}/{id}`, "delete", ["path id"]]
  ] as const)("%s %s has parameters %j", (path, method, parameters) => {
    assert.sameMembers(parametersOf(path, method), [...parameters])
  })

  it("says what each answer means, in words", () => {
    const answers = Object.values(paths).flatMap((operations) => Object.values(operations))
    for (const { responses } of answers) {
      for (const { description } of Object.values(responses)) assert.match(description, /^(Success$|[A-Z].* )/)
    }
  })

  it("has one component for each failure, and one for a dead letter", () => {
    assert.sameMembers(Object.keys(document.components.schemas), [
      "DeadLetter",
      ...failures.map((status) => `Failure${status}`),
      "TokenFailure400",
      "TokenFailure401"
    ])
  })

  it("declares bearer tokens, and what it describes", () => {
    assert.deepInclude(document.components.securitySchemes["bearer"], { type: "http", scheme: "Bearer" })
    assert.strictEqual(document.info.title, "NICE CXone EventBridge")
  })

  it("a token answer is read whatever its expires_in, and not without a token", () => {
    const is = Schema.is(TokenResponse)
    for (const expiresIn of [3600, "3600", null, -1, {}])
      assert.isTrue(is({ access_token: "t", expires_in: expiresIn }))
    assert.isTrue(is({ access_token: "t", scope: null }))
    assert.isFalse(is({ access_token: "" }))
    assert.isFalse(is({ expires_in: 3600 }))
  })
})
