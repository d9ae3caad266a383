import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import { folder, root, runShell } from "./support/Program.ts"

/** Run before the program: Web Crypto throws at the first touch. */
const broken = `Object.defineProperty(globalThis, "crypto", { get() { throw new Error("broken on purpose") } })`

it.live("the program of the README does not end without a word where something throws", () =>
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
