import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { EventBridgeError, EventBridgeHttp, DuplicateDetected } from "../../src/index.ts"
import * as LetterReplay from "../../src/workflows/LetterReplay.ts"

const letter = { eventId: "evt_1", topicId: "t", payload: 1 }
const selected = { letter, request: { topicId: "t", idempotencyKey: "replay-evt_1-v1", body: "{}" } }

/** What a letter has become that the service has answered with 409. */
const known = (options: { readonly ambiguous: boolean; readonly wasInFlight: boolean }) =>
  Effect.flatMap(LetterReplay.make, (replay) => replay(selected, options.wasInFlight)).pipe(
    Effect.provide(
      Layer.mock(EventBridgeHttp, {
        replay: () =>
          Effect.fail(
            new EventBridgeError({
              operation: "ReplayEvent",
              reason: new DuplicateDetected({ detail: "known" }),
              tries: 1,
              ambiguous: options.ambiguous
            })
          )
      })
    )
  )

it.effect.each([
  [false, false, "Duplicate", undefined],
  [true, false, "Accepted", "EarlierTry"],
  [false, true, "Accepted", "EarlierRun"],
  [true, true, "Accepted", "EarlierRun"]
] as const)(
  "409, ambiguous before: %s, in flight in an earlier process: %s: %s, by %s",
  ([ambiguous, wasInFlight, tag, by]) =>
    Effect.gen(function* () {
      const outcome = yield* known({ ambiguous, wasInFlight })
      assert.strictEqual(outcome._tag, tag)
      assert.strictEqual(outcome._tag === "Accepted" ? outcome.confirmedBy : undefined, by)
    })
)
