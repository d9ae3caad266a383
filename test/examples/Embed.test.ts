import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { folder, root, runShell, word } from "./support/Program.ts"
import { assertNoStackTrace, environment, foreign } from "./support/Replaying.ts"

/** Run before the program: Web Crypto throws at the first touch. */
const broken = `Object.defineProperty(globalThis, "crypto", { get() { throw new Error("broken on purpose") } })`

describe("the program of the README", () => {
  const embedded = Effect.fnUntraced(function* (status: number, letters: number) {
    const server = yield* foreign(letters, {
      topicId: "topic_pub_conversations",
      answer: ({ route }) => (route === "replay" ? { status } : undefined)
    })
    const program = word(join(root, "examples", "embed.ts"))
    const ended = yield* runShell(`cd ${word(yield* folder)} && node ${program}`, environment(server))
    assertNoStackTrace(ended)
    return ended
  })

  it.live("tells what became of the letters", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* embedded(200, 12)
      assert.deepStrictEqual([code, stdout, stderr], [0, "12 delivered, 0 failed, 0 skipped\n", ""])
    })
  )

  it.live("ends with 1 when the run halts, and says why and what to do", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* embedded(403, 300)
      assert.strictEqual(code, 1)
      assert.notInclude(stdout, "delivered")
      assert.match(stderr, /^run incident-4711 halted after \d+ letters: .*FORBIDDEN.*\n\S.*\n$/)
    })
  )

  it.live("does not end silently when something throws", () =>
    Effect.gen(function* () {
      const ended = yield* runShell(`cd '${yield* folder}' && exec node '${join(root, "examples/embed.ts")}'`, {
        CXONE_CLIENT_ID: "demo",
        CXONE_CLIENT_SECRET: "demo",
        CXONE_INSTANCE_URL: "http://127.0.0.1:1",
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(broken)}`
      })
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stderr, "broken on purpose")
    })
  )
})
