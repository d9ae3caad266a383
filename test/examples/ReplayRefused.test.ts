import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { topicId } from "../workflows/support/Harness.ts"
import { lastLine, run } from "./support/Program.ts"
import { assertNoSecret, assertNoStackTrace, environment, foreign, secret } from "./support/Replaying.ts"

describe.concurrent("what cannot start ends with 1 and one clear message", () => {
  const refused = Effect.fnUntraced(function* (
    args: ReadonlyArray<string>,
    env: Readonly<Record<string, string>>,
    about: ReadonlyArray<string>
  ) {
    const ended = yield* run("replay.ts", args, env)
    assert.strictEqual(ended.code, 1, ended.stderr + ended.stdout)
    for (const text of about) assert.include(ended.stderr, text)
    assert.strictEqual(ended.stdout, "")
    assert.isAtMost(ended.stderr.trimEnd().split("\n").length, 5, ended.stderr)
    assertNoStackTrace(ended)
    assertNoSecret(ended)
    return ended
  })

  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, ReadonlyArray<string>]> = [
    ["an unknown flag", ["--consurrency", "4"], ["consurrency"]],
    ["concurrency 0", ["--concurrency", "0"], ["concurrency", "at least 1"]],
    ["page size 0 and limit 0", ["--page-size", "0", "--limit", "0"], ["pageSize", "limit"]],
    ["a share that is none", ["--max-failure-share", "20"], ["maxFailureShare", "from 0 to 1"]],
    ["faults nobody knows", ["--faults", "5xx=lots"], ["5xx=lots"]],
    ["a destination that is not public", ["--destination", "https://10.0.0.7/in"], ["10.0.0.7", "not a public"]]
  ]

  it.live.each(cases)("%s", ([, args, about]) => refused(args, {}, about))

  it.live("no topic, a bad URL, a missing secret: all at once, by name", () =>
    Effect.gen(function* () {
      const server = yield* foreign(1)
      const { CXONE_TOPIC_ID: _, ...withoutTopic } = environment(server)
      yield* Effect.all(
        [
          refused([], withoutTopic, ["topic", "CXONE_TOPIC_ID"]),
          refused([], { ...environment(server), CXONE_INSTANCE_URL: "http://cxone.example.com" }, [
            "CXONE_INSTANCE_URL",
            "https"
          ]),
          refused([], { CXONE_CLIENT_ID: "x", CXONE_INSTANCE_URL: "not a url" }, [
            "CXONE_INSTANCE_URL",
            "CXONE_CLIENT_SECRET"
          ]),
          refused(["--letters", "5"], environment(server), ["--letters", "emulator"])
        ],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(server.arrivals.length, 0)
    })
  )

  it.live("a wrong secret, and a scope that is missing", () =>
    Effect.gen(function* () {
      const server = yield* foreign(3, { scope: "eventbridge:read" })
      yield* refused([], { ...environment(server), CXONE_CLIENT_SECRET: "wr0ng-s3cr3t" }, [
        "credentials were refused",
        "CXONE_CLIENT_SECRET"
      ]).pipe(Effect.tap((ended) => Effect.sync(() => assert.notInclude(ended.stderr, "wr0ng"))))
      yield* refused([], environment(server), ["eventbridge:write"])
      assert.deepStrictEqual(new Set(server.arrivals.map(({ route }) => route)), new Set(["token"]))
    })
  )

  it.live("a token path that the service does not have", () =>
    Effect.gen(function* () {
      const server = yield* foreign(3, { answer: ({ route }) => (route === "token" ? { status: 404 } : undefined) })
      yield* refused([], environment(server), ["not found (404)", "Check CXONE_TOKEN_PATH"])
    })
  )

  it.live("a host that does not answer", () =>
    Effect.gen(function* () {
      const ended = yield* run("replay.ts", [], {
        CXONE_INSTANCE_URL: "http://127.0.0.1:9",
        CXONE_CLIENT_ID: "x",
        CXONE_CLIENT_SECRET: secret,
        CXONE_TOPIC_ID: topicId
      })
      assert.strictEqual(ended.code, 1, ended.stderr)
      assert.include(lastLine(ended.stderr), "CXONE_INSTANCE_URL")
      assert.include(ended.stderr, "ECONNREFUSED")
      assertNoStackTrace(ended)
      assertNoSecret(ended)
    })
  )
})
