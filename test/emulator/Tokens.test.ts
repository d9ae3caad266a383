import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { allScopes } from "../../src/emulator/index.ts"
import { json, firstLetter, list, put, requestToken, token, withEmulator } from "./Harness.ts"

describe("emulator: tokens", () => {
  it.effect.each(["/oauth2/token", "/api/v2/oauth/token", "/oauth/token"])("are given at %s", (path) =>
    Effect.gen(function* () {
      const answer = yield* requestToken({}, path)
      assert.strictEqual(answer.status, 200)
      const { access_token, ...rest } = json(answer)
      assert.deepStrictEqual(rest, { token_type: "Bearer", expires_in: 3600, scope: allScopes.join(" ") })
      assert.strictEqual((yield* list(access_token)).status, 200)
    }).pipe(withEmulator())
  )

  it.effect("are refused to wrong credentials and unknown grants, in the words of RFC 6749", () =>
    Effect.gen(function* () {
      const secret = yield* requestToken({ client_secret: "wrong" })
      assert.strictEqual(secret.status, 401)
      assert.deepStrictEqual(json(secret), { error: "invalid_client" })
      assert.strictEqual((yield* requestToken({ client_id: "wrong" })).status, 401)
      const grant = yield* requestToken({ grant_type: "password" })
      assert.strictEqual(grant.status, 400)
      assert.strictEqual(json(grant).error, "unsupported_grant_type")
    }).pipe(withEmulator())
  )

  it.effect("end after their lifetime", () =>
    Effect.gen(function* () {
      const bearer = yield* token
      yield* TestClock.adjust("59999 millis")
      assert.strictEqual((yield* list(bearer)).status, 200)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* list(bearer)).status, 401)
      assert.strictEqual((yield* list(yield* token)).status, 200)
    }).pipe(withEmulator({ tokenLifetime: 60 }))
  )

  it.effect("carry the scopes that were both requested and granted", () =>
    Effect.gen(function* () {
      const answer = json(yield* requestToken({ scope: "eventbridge:read  something:else eventbridge:write" }))
      assert.strictEqual(answer.scope, "eventbridge:read")
      const letter = yield* firstLetter(answer.access_token)
      const refused = yield* put(answer.access_token, letter)
      assert.strictEqual(refused.status, 403)
      assert.include(json(refused).message, "eventbridge:write")
    }).pipe(withEmulator({ scopes: ["eventbridge:read", "eventbridge:subscriptions:read"] }))
  )

  it.effect("without eventbridge:read do not list", () =>
    Effect.gen(function* () {
      const refused = yield* list(yield* token)
      assert.strictEqual(refused.status, 403)
      assert.include(json(refused).message, "eventbridge:read")
    }).pipe(withEmulator({ scopes: ["eventbridge:write"] }))
  )

  it.effect("that are missing or unknown are refused", () =>
    Effect.gen(function* () {
      yield* token
      assert.strictEqual((yield* list(undefined)).status, 401)
      assert.strictEqual((yield* list("made-up")).status, 401)
    }).pipe(withEmulator())
  )

  it.effect.each([-1, 0, "soon", null, 1e300, undefined])("claim %s as expires_in when configured to", (expiresIn) =>
    Effect.gen(function* () {
      assert.strictEqual(json(yield* requestToken()).expires_in, expiresIn)
    }).pipe(withEmulator({ expiresIn }))
  )
})
