import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { LosslessJson, type Subscription, type SubscriptionDefinition } from "../../src/index.ts"
import { changesBetween, heldDefinition } from "../../src/domain/SubscriptionChange.ts"
import { definition } from "../workflows/support/Definitions.ts"

const base = definition("s")

/** As the service would show it: members of the definition may come in any form of JSON. */
const held = (members: Readonly<Record<string, unknown>> = {}): Subscription => ({
  ...base,
  ...members,
  id: "sub_1",
  name: "s",
  state: "active"
})
const filter = (value: unknown) => ({ filters: [{ field: "f", operator: "eq", value }] })
const withFilter = (value: string | number | boolean | ReadonlyArray<string | number>): SubscriptionDefinition =>
  definition("s", { filters: [{ field: "f", operator: "eq", value }] })
const fields = (shown: Subscription, wanted: SubscriptionDefinition) =>
  changesBetween(shown, wanted).map(({ field }) => field)
const parsed = (text: string): unknown => Result.getOrThrow(LosslessJson.parse(text))

describe("no change", () => {
  const { deadLetterQueue, endpoints, filters, retryConfiguration } = base
  const withoutFilters = definition("s")
  Reflect.deleteProperty(withoutFilters, "filters")
  const cases: ReadonlyArray<readonly [string, Subscription, SubscriptionDefinition]> = [
    [
      "is the order of filters and endpoints",
      held({ filters: filters?.toReversed(), endpoints: endpoints.toReversed() }),
      base
    ],
    [
      "is another spelling of a URL",
      held({ endpoints: endpoints.map(({ type, url }) => ({ type, url: url.replace("consumer", "CONSUMER") })) }),
      base
    ],
    [
      "is a member the service adds",
      held({ endpoints: endpoints.map(({ type, url }, index) => ({ type, id: index, url })), extra: 1 }),
      base
    ],
    [
      "is a retention that is left to the service",
      held({ deadLetterQueue: { ...deadLetterQueue, retentionDays: 30 } }),
      base
    ],
    ["is an absent list for an empty one", held({ filters: undefined }), definition("s", { filters: [] })],
    ["is an empty list for an absent one", held({ filters: [] }), withoutFilters],
    ["is null for a list that is absent", held({ filters: null }), withoutFilters],
    ["is null for an empty description", held({ description: null }), definition("s", { description: "" })],
    ["is -0 for 0", held(filter(parsed("-0"))), withFilter(0)],
    [
      "is another spelling of a number",
      held(filter(parsed("[1e2,0.50,12345678901.234560000]"))),
      withFilter([100, 0.5, 12345678901.23456])
    ],
    [
      "is a number of the service's with a power",
      held({ retryConfiguration: { ...retryConfiguration, maxDelayMs: parsed("1e4") } }),
      base
    ]
  ]
  it.each(cases)("%s", (_, shown, wanted) => {
    assert.deepStrictEqual(changesBetween(shown, wanted), [])
  })
})

describe("a change", () => {
  const { deadLetterQueue, filters } = base
  const cases: ReadonlyArray<readonly [string, Subscription, SubscriptionDefinition, string]> = [
    ["is a string for a number", held(filter("1")), withFilter(1), "filters"],
    ["is a list for its one item", held(filter(["a"])), withFilter("a"), "filters"],
    ["is the order within a filter's values", held(filter(["b", "a"])), withFilter(["a", "b"]), "filters"],
    [
      "is a filter that occurs more often than declared",
      held({ filters: [...(filters ?? []), ...(filters ?? [])] }),
      base,
      "filters"
    ],
    ["is filters that nobody declared", held(), definition("s", { filters: [] }), "filters"],
    ["is null for a value", held({ eventType: null }), base, "eventType"],
    [
      "is a retention that is declared",
      held(),
      definition("s", { deadLetterQueue: { ...deadLetterQueue, retentionDays: 7 } }),
      "deadLetterQueue.retentionDays"
    ],
    [
      "is an endpoint that is not to be there any more",
      held(),
      definition("s", { deadLetterQueue: { enabled: true } }),
      "deadLetterQueue.endpointUrl"
    ]
  ]
  it.each(cases)("%s", (_, shown, wanted, field) => {
    assert.deepStrictEqual(fields(shown, wanted), [field])
  })

  it("shows a number that no double holds in its own digits, and an update can be computed against it", () => {
    const shown = held(filter(parsed("1e400")))
    const [change] = changesBetween(shown, withFilter(1))
    assert.strictEqual(JSON.stringify(change?.before), '[{"field":"f","operator":"eq","value":1e400}]')
    assert.include(JSON.stringify(heldDefinition(shown)), "1e400")
  })
})
