import { assert, describe, it } from "@effect/vitest"
import { RegExp, Result } from "effect"
import { defaultVocabulary, validator } from "../../src/domain/SubscriptionDefinition.ts"
import { definition } from "../workflows/support/Definitions.ts"

/** What is said of a definition with these members, or members that no definition should have. */
const issues = (members: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
  Result.match(validator(defaultVocabulary).one({ ...definition("a"), ...members }), {
    onSuccess: () => [],
    onFailure: (refused) => refused.issues.map(({ issue, path }) => `${path}: ${issue}`)
  })

const filtered = (value: unknown) => ({ filters: [{ field: "f", operator: "in", value }] })

describe("a definition", () => {
  it("with an integer that may not be the one that was written is refused", () => {
    for (const text of ["9007199254740993", "-9007199254740992", "1e21", "[1, 9007199254740993]"]) {
      const [issue, ...others] = issues(filtered(JSON.parse(text)))
      assert.match(issue ?? "", /^filters\[0\]\.value(\[1\])?: .* write it as a string/)
      assert.lengthOf(others, 0)
    }
    assert.lengthOf(issues(filtered([9007199254740991, -9007199254740991, 0.1, 1e-7, 5e-324, "9007199254740993"])), 0)
  })

  const retrying = (members: Readonly<Record<string, unknown>>) => ({
    retryConfiguration: { maxRetries: 0, backoffStrategy: "linear", initialDelayMs: 0, maxDelayMs: 0, ...members }
  })
  const kept = (retentionDays: unknown) => ({ deadLetterQueue: { enabled: false, retentionDays } })
  const endpoints = (length: number) => ({
    endpoints: Array.from({ length }, (_, index) => ({ url: `https://e${index}.example.com`, type: "queue" }))
  })

  it.each([endpoints(1), endpoints(10), kept(1), retrying({}), retrying({ initialDelayMs: 9, maxDelayMs: 9 })])(
    "may go to its limits: %j",
    (members) => {
      assert.deepStrictEqual(issues(members), [])
    }
  )

  it.each([
    [endpoints(0), "endpoints: must be 1 to 10 endpoints"],
    [endpoints(11), "endpoints: must be 1 to 10 endpoints"],
    [kept(0), "deadLetterQueue.retentionDays: must be at least 1"],
    [kept(1.5), "deadLetterQueue.retentionDays: Expected an integer"],
    [retrying({ maxRetries: -1 }), "retryConfiguration.maxRetries: must be at least 0"],
    [retrying({ initialDelayMs: -1 }), "retryConfiguration.initialDelayMs: must be at least 0"],
    [
      retrying({ initialDelayMs: 10, maxDelayMs: 9 }),
      "retryConfiguration.initialDelayMs: must be at most maxDelayMs, which is 9"
    ]
  ] as const)("is refused beyond them: %j", (members, issue) => {
    assert.deepStrictEqual(issues(members), [issue])
  })

  it("has every issue reported, even of a rule about several values of which one is invalid by itself", () => {
    const endpoint = { url: "https://a.example.com", type: "webhook" }
    const eleven = [{ ...endpoint, type: "mail" }, ...Array.from({ length: 10 }, () => endpoint)]
    assert.deepStrictEqual(issues({ endpoints: eleven }), [
      'endpoints[0].type: Expected "webhook" | "queue"',
      "endpoints: must be 1 to 10 endpoints"
    ])
    assert.deepStrictEqual(issues({ endpoints: [] }), ["endpoints: must be 1 to 10 endpoints"])
    const retryConfiguration = { maxRetries: -1, backoffStrategy: "none", initialDelayMs: 9, maxDelayMs: 1 }
    assert.deepStrictEqual(issues({ retryConfiguration }), [
      "retryConfiguration.maxRetries: must be at least 0",
      'retryConfiguration.backoffStrategy: Expected "exponential" | "linear"',
      "retryConfiguration.initialDelayMs: must be at most maxDelayMs, which is 1"
    ])
    assert.deepStrictEqual(issues({ retryConfiguration: { ...retryConfiguration, maxRetries: 1, maxDelayMs: "1" } }), [
      'retryConfiguration.backoffStrategy: Expected "exponential" | "linear"',
      "retryConfiguration.maxDelayMs: Expected number"
    ])
  })

  it("with a name that the service may store in other characters is refused", () => {
    for (const name of [" orders", "orders ", "orders\u00a0", "orders\n", "\ufefforders"]) {
      assert.match(issues({ name }).join(), /^name: must not begin or end with whitespace[^:]*$/)
    }
    assert.match(issues({ name: "e\u0301" }).join(), /^name: must be in Unicode's form NFC/)
    assert.lengthOf(issues({ name: "Aufträge für \u00e9 und ﬁ" }), 0)
  })

  it("with half a surrogate pair anywhere is refused, at its place", () => {
    const half = "x\ud800"
    const places: ReadonlyArray<readonly [Readonly<Record<string, unknown>>, string]> = [
      [{ name: half }, "name"],
      [{ description: half }, "description"],
      [{ filters: [{ field: half, operator: "eq", value: "v" }] }, "filters[0].field"],
      [filtered(half), "filters[0].value"],
      [filtered(["v", half]), "filters[0].value[1]"],
      [{ endpoints: [{ url: `https://a.example.com/${half}`, type: "webhook" }] }, "endpoints[0].url"],
      [
        { deadLetterQueue: { enabled: true, endpointUrl: `https://a.example.com/?${half}` } },
        "deadLetterQueue.endpointUrl"
      ]
    ]
    for (const [members, path] of places) {
      assert.match(
        issues(members).join(),
        new globalThis.RegExp(`^${RegExp.escape(path)}: must not hold half a surrogate pair`)
      )
    }
    assert.lengthOf(issues({ name: "😀", description: "\ud83d\ude00" }), 0)
  })

  it.each([
    [" https://a.example.com/x", "must not hold control characters, or whitespace around it"],
    ["https://a.example.com/x\n", "must not hold control characters, or whitespace around it"],
    ["https://a.example.com/\u0000x", "must not hold control characters, or whitespace around it"],
    ["https://user:hunter2@a.example.com", "must not carry credentials"],
    ["https://user@a.example.com", "must not carry credentials"],
    ["https://:hunter2@a.example.com", "must not carry credentials"],
    ["http://a.example.com", "must be an https URL"],
    ["https://", "must be an https URL"]
  ])("with the URL %j is refused, and the URL is not shown", (url, words) => {
    const told = [
      ...issues({ endpoints: [{ url, type: "webhook" }] }),
      ...issues({ deadLetterQueue: { enabled: true, endpointUrl: url } })
    ]
    assert.lengthOf(told, 2)
    assert.include(told[0], `endpoints[0].url: ${words}`)
    assert.include(told[1], `deadLetterQueue.endpointUrl: ${words}`)
    assert.notInclude(told.join(), "hunter2")
  })

  it("may have any other https URL", () => {
    for (const url of [
      "https://a.example.com",
      "HTTPS://A.Example.com/x y?sig=1",
      "https://é.example/ü",
      "https://[::1]/x"
    ]) {
      assert.lengthOf(issues({ endpoints: [{ url, type: "webhook" }] }), 0)
    }
  })
})
