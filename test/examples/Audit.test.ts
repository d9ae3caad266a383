import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { AuditVerification } from "../../src/index.ts"
import { folder, lastLine, run } from "./support/Program.ts"
import { reportOf } from "./support/Replaying.ts"

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(AuditVerification))

describe("examples/audit.ts", () => {
  it.live("verifies what a run has kept by the head of its report, and finds what was changed since", () =>
    Effect.gen(function* () {
      const state = yield* folder
      const file = join(state, "audit.jsonl")
      const ran = yield* run("replay.ts", ["--letters", "40", "--state", state, "--json"])
      const { auditHead } = yield* reportOf(ran)
      const whole = yield* run("audit.ts", ["verify", file, "--head", String(auditHead), "--json"])
      assert.strictEqual(whole.code, 0, whole.stderr)
      assert.include(whole.stdout, "40 lines are intact")
      assert.include(whole.stdout, "nothing up to it is missing")
      assert.deepStrictEqual(yield* decode(lastLine(whole.stdout)), {
        lines: 40,
        head: auditHead,
        notedLine: 40,
        fault: null
      })

      const pasted = yield* run("audit.ts", ["verify", file, "--head", ` ${String(auditHead).toUpperCase()}\n`])
      assert.strictEqual(pasted.code, 0, pasted.stderr)
      assert.include(pasted.stdout, "The noted head is line 40")

      const text = readFileSync(file, "utf8")
      writeFileSync(file, text.split("\n").slice(0, 30).join("\n") + "\n")
      const unknowing = yield* run("audit.ts", ["verify", file])
      assert.strictEqual(unknowing.code, 0)
      assert.include(unknowing.stdout, "A chain alone cannot show whether lines were cut off")
      const cut = yield* run("audit.ts", ["verify", file, "--head", String(auditHead)])
      assert.strictEqual(cut.code, 1)
      assert.include(cut.stdout, `FAULT in ${file}, line 31: `)

      writeFileSync(file, text.replace("SUCCESS", "FAILED!"))
      const changed = yield* run("audit.ts", ["verify", file])
      assert.strictEqual(changed.code, 1)
      assert.include(changed.stdout, `FAULT in ${file}, line 1: its content does not match its hash`)
    })
  )

  it.live("says what is wrong with the command, without a stack trace", () =>
    Effect.gen(function* () {
      const state = yield* folder
      const missing = yield* run("audit.ts", ["verify", join(state, "nothing.jsonl")])
      assert.strictEqual(missing.code, 1)
      assert.include(missing.stderr, "nothing.jsonl")
      const unreadable = yield* run("audit.ts", ["verify", state])
      assert.strictEqual(unreadable.code, 1)
      assert.include(unreadable.stderr, state)
      writeFileSync(join(state, "audit.jsonl"), "")
      const noHead = yield* run("audit.ts", ["verify", join(state, "audit.jsonl"), "--head", "abc"])
      assert.strictEqual(noHead.code, 1)
      assert.include(noHead.stderr, `head: "abc" is not an audit head, which is SHA-256 in 64 hex digits`)
      for (const { stderr } of [missing, unreadable, noHead]) assert.notMatch(stderr, /^ +at /m)
    })
  )
})
