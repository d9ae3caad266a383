import { assert, it } from "@effect/vitest"
import { Duration, Option } from "effect"
import { Headers } from "effect/http"
import * as RetryAfter from "../../src/domain/RetryAfter.ts"

it.each([
  ["0", 0],
  ["120", 120_000],
  ["Thu, 01 Jan 1970 00:00:12 GMT", 2000],
  // Over already.
  ["Thu, 01 Jan 1970 00:00:01 GMT", 0],
  ["soon", undefined],
  ["", undefined],
  ["-1", undefined]
])("Retry-After: %j at 10 s is a pause of %s ms", (value, millis) => {
  const pause = RetryAfter.ofHeaders(Headers.fromInput({ "Retry-After": value }), 10_000)
  assert.strictEqual(Option.getOrUndefined(Option.map(pause, Duration.toMillis)), millis)
})

it("no Retry-After is no pause", () => {
  assert.isTrue(Option.isNone(RetryAfter.ofHeaders(Headers.empty, 10_000)))
})
