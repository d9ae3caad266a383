import { assert, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as Letters from "../../bench/Letters.ts"
import { DeadLetterPageBody, fromBody } from "../../src/domain/DeadLetterPage.ts"
import * as LosslessJson from "../../src/domain/LosslessJson.ts"
import * as ReplayRequest from "../../src/domain/ReplayRequest.ts"

const run = { initiatedAt: "2024-05-11T09:15:22.103Z", clientVersion: "1.2.3" }
const context = { ...run, maxAttempts: 5, destination: undefined }

const lettersOf = (page: string) =>
  Result.flatMap(LosslessJson.parse(page), Schema.decodeUnknownResult(DeadLetterPageBody)).pipe(
    Result.map((body) => fromBody(undefined, body)),
    Result.getOrThrow
  )

const index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_000_000 }))

it.prop("a letter is one of the contract, and its body is what the library sends, byte for byte", [index], ([at]) => {
  const { letters, nextPageToken } = lettersOf(Letters.page("topic", at, at + 2, "next"))
  assert.strictEqual(nextPageToken, "next")
  const requests = letters.map((letter) =>
    Result.getOrThrow(Result.flatMap(letter, (one) => ReplayRequest.build(one, context)))
  )
  assert.deepStrictEqual(
    requests.map(({ body, idempotencyKey }) => [idempotencyKey, body]),
    [at, at + 1].map((one) => [Letters.idempotencyKey(one), Letters.body(one, run.initiatedAt, run.clientVersion)])
  )
})

it.prop("a key leads back to its letter, and no other text does", [index], ([at]) => {
  const key = Letters.idempotencyKey(at)
  assert.strictEqual(Letters.indexOfKey(key), at)
  for (const other of ["", `${key}0`, key.slice(1), key.replace("replay-evt_8", "replay-evt_9"), key.toUpperCase()]) {
    assert.strictEqual(Letters.indexOfKey(other), -1, other)
  }
})
