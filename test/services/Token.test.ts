import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Redacted, Scheduler } from "effect"
import { TestClock } from "effect/testing"
import { type EventBridgeOptions, Token } from "../../src/index.ts"
import { EmulatorClient } from "../../src/emulator/index.ts"
import {
  type Answer,
  type Answerer,
  collectLogs,
  json,
  late,
  layerToken,
  layerWire,
  secret,
  text,
  tokenRequests,
  Wire,
  withTokens
} from "./Support.ts"

const refuse: Answerer = () => json({ message: "nothing but tokens here" }, 404)

/** A token for every request, `token-1`, `token-2`, …; `answer` changes what is said of it. */
const tokens = (answer: Readonly<Record<string, unknown>> = {}) => withTokens(refuse, answer)

const withToken = (answerer: Answerer, options: Partial<EventBridgeOptions> = {}) => {
  const wire = layerWire(answerer)
  return <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provide(layerToken(options)), Effect.provide(wire))
}

const get = Effect.gen(function* () {
  const token = yield* Token
  return Redacted.value((yield* token.get).value)
})

const count = Effect.map(tokenRequests, (requests) => requests.length)

/** Answers the first request and fails the others. */
const onceThen =
  (first: Answer, then: () => Answer): Answerer =>
  (_, index) =>
    index === 0 ? first : then()

/** Lets a fiber run up to a step, where it lets others go first. */
const pausingAt = (step: number) => {
  const scheduler = new Scheduler.MixedScheduler()
  let steps = 0
  scheduler.shouldYield = () => ++steps === step
  return scheduler
}

const many = (fibers: number) =>
  Effect.all(
    Array.from({ length: fibers }, () => get),
    { concurrency: "unbounded" }
  )

describe("Token", () => {
  it.effect("asks as RFC 6749 says, with the path and scopes configured", () =>
    Effect.gen(function* () {
      yield* get
      const [request] = (yield* Wire).sent
      assert.deepInclude(request, { method: "POST" })
      assert.strictEqual(request?.url.href, "https://bus.example.com/api/v2/oauth/token")
      assert.match(request?.headers["content-type"] ?? "", /^application\/x-www-form-urlencoded\b/)
      assert.notProperty(request?.headers, "authorization")
      assert.deepStrictEqual(Array.from(new URLSearchParams(request?.body)), [
        ["grant_type", "client_credentials"],
        ["client_id", "the client+ü"],
        ["client_secret", "a&b=c%"],
        ["scope", "eventbridge:read eventbridge:write"]
      ])
    }).pipe(
      withToken(() => json({ access_token: "t" }), {
        tokenPath: "/api/v2/oauth/token",
        clientId: "the client+ü",
        clientSecret: Redacted.make("a&b=c%"),
        scopes: ["eventbridge:read", "eventbridge:write"]
      })
    )
  )

  it.effect("names no scope unless one is configured, and asks at /oauth2/token", () =>
    Effect.gen(function* () {
      yield* get
      const [request] = yield* tokenRequests
      assert.strictEqual(
        request?.body,
        "grant_type=client_credentials&client_id=the-client&client_secret=s3cr3t-of-the-client"
      )
    }).pipe(withToken(tokens()))
  )

  it.effect("says which scopes the service granted", () =>
    Effect.gen(function* () {
      const token = yield* Token
      assert.strictEqual((yield* token.get).scope, "eventbridge:read")
    }).pipe(withToken(tokens({ scope: "eventbridge:read" })))
  )

  it.effect("one request however many fibers ask, cold and expired", () =>
    Effect.gen(function* () {
      const cold = yield* Effect.forkChild(many(64))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(new Set(yield* Fiber.join(cold)), new Set(["token-1"]))
      assert.strictEqual(yield* count, 1)
      yield* TestClock.adjust("2 hours")
      const expired = yield* Effect.forkChild(many(64))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(new Set(yield* Fiber.join(expired)), new Set(["token-2"]))
      assert.strictEqual(yield* count, 2)
    }).pipe(withToken((_, index) => late("1 second", json({ access_token: `token-${index + 1}`, expires_in: 3600 }))))
  )

  it.effect("interrupting a fiber that waits does not affect the others", () =>
    Effect.gen(function* () {
      const first = yield* Effect.forkChild(get)
      const second = yield* Effect.forkChild(get)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(second), "token-1")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(first)))
      assert.strictEqual(yield* count, 1)
    }).pipe(withToken(() => late("1 second", json({ access_token: "token-1", expires_in: 3600 }))))
  )

  it.effect("nor does one that is interrupted at any step before that", () =>
    Effect.forEach(
      Array.from({ length: 60 }, (_, index) => index + 1),
      (step) =>
        Effect.gen(function* () {
          const first = yield* get.pipe(
            Effect.provideService(Scheduler.Scheduler, pausingAt(step)),
            Effect.forkChild({ startImmediately: true })
          )
          yield* Fiber.interrupt(first)
          const second = yield* Effect.forkChild(get)
          yield* TestClock.adjust("1 second")
          assert.isDefined(second.pollUnsafe(), `interrupted at step ${step}`)
        }).pipe(withToken(tokens())),
      { discard: true }
    )
  )

  it.effect("is refreshed a minute early, while the old one is served", () =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("3539999 millis")
      assert.strictEqual(yield* get, "token-1")
      assert.strictEqual(yield* count, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* get, "token-1")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* count, 2)
      assert.strictEqual(yield* get, "token-1")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* get, "token-2")
      assert.strictEqual(yield* count, 2)
    }).pipe(
      withToken((_, index) => {
        const answer = json({ access_token: `token-${index + 1}`, expires_in: 3600 })
        return index === 0 ? answer : late("2 seconds", answer)
      })
    )
  )

  it.effect("one that expires while it is refreshed is no longer served", () =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("3590 seconds")
      assert.strictEqual(yield* get, "token-1")
      yield* TestClock.adjust("10 seconds")
      const waiting = yield* Effect.forkChild(get)
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* Fiber.join(waiting), "token-2")
      assert.strictEqual(yield* count, 2)
    }).pipe(
      withToken((_, index) => {
        const answer = json({ access_token: `token-${index + 1}`, expires_in: 3600 })
        return index === 0 ? answer : late("20 seconds", answer)
      })
    )
  )

  it.effect("a short life is used for 80 % of it", () =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("79 seconds")
      yield* get
      assert.strictEqual(yield* count, 1)
      yield* TestClock.adjust("1 seconds")
      yield* get
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* count, 2)
    }).pipe(withToken(tokens({ expires_in: 100 })))
  )

  it.effect.each([undefined, null, 0, -1, "abc", 1e12, {}])("expires_in %j counts as 55 minutes", (expiresIn) =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("3239 seconds")
      yield* get
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* count, 1)
      yield* TestClock.adjust("60 seconds")
      yield* get
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* count, 2)
    }).pipe(withToken(tokens({ expires_in: expiresIn })))
  )

  it.effect("a refresh that fails keeps the old token, and is held off for 5 seconds", () =>
    Effect.gen(function* () {
      yield* get
      yield* TestClock.adjust("3540 seconds")
      assert.strictEqual(yield* get, "token-1")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* count, 2)
      yield* TestClock.adjust("4990 millis")
      assert.strictEqual(yield* get, "token-1")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* count, 2)
      yield* TestClock.adjust("20 millis")
      assert.strictEqual(yield* get, "token-1")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* count, 3)
    }).pipe(withToken(onceThen(json({ access_token: "token-1", expires_in: 3600 }), () => text("gone", 404))))
  )

  it.effect("a refresh is retried in one place, not by each that waits", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(Effect.flip(many(16)))
      yield* TestClock.adjust("5 minutes")
      const error = yield* Fiber.join(waiting)
      assert.deepInclude(error, { operation: "Token", tries: 7 })
      assert.strictEqual(error.classification, "MAX_RETRIES_EXCEEDED")
      assert.strictEqual(yield* count, 7)
    }).pipe(
      withToken(() => text("down", 503)),
      Effect.provide(collectLogs().layer)
    )
  )

  it.effect("after a failure the next to ask tries again", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(get)).classification, "UNAUTHORIZED")
      assert.strictEqual(yield* get, "token-2")
    }).pipe(
      withToken((_, index) => (index === 0 ? json({ error: "x" }, 401) : json({ access_token: `token-${index + 1}` })))
    )
  )

  it.effect("invalidating a token has the next one fetched; an older one leaves the newer alone", () =>
    Effect.gen(function* () {
      const token = yield* Token
      const first = yield* token.get
      assert.isTrue(yield* token.invalidate(first))
      const second = yield* token.get
      assert.strictEqual(Redacted.value(second.value), "token-2")
      assert.isFalse(yield* token.invalidate(first))
      assert.strictEqual(yield* get, "token-2")
      assert.strictEqual(yield* count, 2)
    }).pipe(withToken(tokens()))
  )

  const shown = (cause: Cause.Cause<unknown>): string => {
    const error = Cause.squash(cause)
    return [String(error), JSON.stringify(error), JSON.stringify(cause), Cause.pretty(cause)].join("\n")
  }

  it.effect.each([400, 401])(
    "wrong credentials (%d) are final, and the secret is in no text of the error",
    (status) => {
      const logs = collectLogs()
      return Effect.gen(function* () {
        const cause = yield* Effect.flip(Effect.sandbox(get))
        const error = yield* Effect.flip(get)
        assert.strictEqual(error.reason._tag, "Unauthorized")
        assert.strictEqual(error.operation, "Token")
        assert.include(error.message, "no such pair")
        assert.include(error.message, "<redacted>")
        assert.notInclude(shown(cause), secret)
        assert.notInclude(JSON.stringify(logs.lines), secret)
        assert.strictEqual(yield* count, 2)
      }).pipe(
        withToken(() =>
          json({ error: "invalid_client", error_description: `no such pair: the-client/${secret}` }, status)
        ),
        Effect.provide(logs.layer)
      )
    }
  )

  it.effect("the emulator refuses a wrong secret, and accepts the right one", () =>
    Effect.gen(function* () {
      const wrong = get.pipe(Effect.provide(layerToken({ clientId: "demo" })))
      assert.include(String(yield* Effect.flip(wrong)), "the credentials were refused")
      const right = get.pipe(Effect.provide(layerToken({ clientId: "demo", clientSecret: Redacted.make("demo") })))
      assert.isAbove((yield* right).length, 0)
    }).pipe(Effect.provide(EmulatorClient.layerEmulator()))
  )

  it.effect.each([
    "<html>sign in</html>",
    "",
    "[]",
    '{"token":"sensitive-token"}',
    '{"access_token":""}',
    '{"access_token":{"value":"sensitive-token"}}',
    '{"access_token":"sensitive-token","token_type":7}',
    '{"access_token":"sensitive-token"'
  ])("an answer without a token is malformed, final, and not repeated: %s", (body) =>
    Effect.gen(function* () {
      const cause = yield* Effect.flip(Effect.sandbox(get))
      assert.include(shown(cause), "MalformedResponse")
      assert.notInclude(shown(cause), "sensitive-token")
      assert.strictEqual(yield* count, 1)
    }).pipe(withToken(() => text(body)))
  )

  it.effect("the token itself is redacted", () =>
    Effect.gen(function* () {
      const token = yield* Token
      const held = yield* token.get
      assert.notInclude(`${String(held.value)}${JSON.stringify(held)}`, "token-1")
    }).pipe(withToken(tokens()))
  )

  it.effect("asked for when its layer has closed, it does not keep anybody waiting", () =>
    Effect.gen(function* () {
      const token = yield* Effect.provide(Token, layerToken())
      const exit = yield* Effect.exit(token.get)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
    }).pipe(Effect.provide(layerWire(tokens())))
  )

  it.effect("a fixed one needs no service", () =>
    Effect.gen(function* () {
      const token = yield* Token
      assert.strictEqual(yield* get, "mine")
      assert.isTrue(yield* token.invalidate(yield* token.get))
    }).pipe(Effect.provide(Token.layerOf(Redacted.make("mine"))))
  )
})
