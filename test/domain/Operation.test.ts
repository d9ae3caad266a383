import { assert, describe, it } from "@effect/vitest"
import { missingScopes, Operation, scopesOf } from "../../src/domain/Operation.ts"

describe("Operation", () => {
  it("the scopes of each call", () => {
    assert.deepInclude(scopesOf, {
      Token: [],
      ListDeadLetters: ["eventbridge:read"],
      ReplayEvent: ["eventbridge:write"]
    })
    assert.sameMembers([...Operation.literals], Object.keys(scopesOf))
  })

  it.each([
    ["eventbridge:read eventbridge:write", []],
    ["eventbridge:write  other\teventbridge:read", []],
    ["eventbridge:read", ["eventbridge:write"]],
    ["eventbridge:subscriptions:read", ["eventbridge:read", "eventbridge:write"]],
    ["eventbridge:readonly", ["eventbridge:read", "eventbridge:write"]],
    // Nothing can be said of these: the tenant does not report its scopes this way.
    [undefined, []],
    ["", []],
    ["api.all", []]
  ])("a token with %j lacks %j", (granted, missing) => {
    assert.deepStrictEqual(missingScopes(granted, ["eventbridge:read", "eventbridge:write"]), missing)
  })

  it("a call that needs nothing lacks nothing", () => {
    assert.deepStrictEqual(missingScopes("eventbridge:read", []), [])
  })
})
