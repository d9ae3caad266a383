import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { Audit } from "../../src/index.ts"
import { NodeEventBridge } from "../../src/node/index.ts"
import { contentOf, folderOf, idsOf, namesBeside, seed, temporary, writeAll } from "./support/AuditFiles.ts"

const writer = join(import.meta.dirname, "support/AuditWriter.ts")

/** Lets a process write, and kills it after it has said so many lines. What it was told is kept. */
const killAfter = async (path: string, name: string, lines: number) => {
  const child = spawn(process.execPath, [writer, path, name], { stdio: ["ignore", "pipe", "pipe"] })
  let said = ""
  let complaints = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text))
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text
    if (said.split("\n").length > lines) child.kill("SIGKILL")
  })
  const [, signal] = await once(child, "close")
  assert.strictEqual(signal, "SIGKILL", complaints)
  return said.split("\n").slice(0, -1)
}

describe("Audit.layerFile, killed", () => {
  it.live(
    "20 times in the middle of writing: it opens again, the chain is whole, no record that was kept is missing",
    () =>
      Effect.gen(function* () {
        const path = yield* temporary
        const kept: Array<string> = []
        // As an earlier kill may have left it; a few of those below do so, too.
        yield* seed(path, `{"hash":"00`)
        for (let kill = 1; kill <= 20; kill++) {
          kept.push(...(yield* Effect.promise(() => killAfter(path, `kill${kill}`, 1 + ((kill * 97) % 400)))))
        }
        yield* writeAll(path, ["after"])
        const files = (yield* namesBeside(path)).filter((name) => name.endsWith(".jsonl"))
        assert.isAbove(files.length, 1)
        const paths = files.map((name) => `${folderOf(path)}/${name}`)
        const found = yield* Audit.verify(paths)
        assert.isNull(found.fault, JSON.stringify(found))
        const ids = new Set((yield* Effect.forEach(paths, contentOf)).flatMap(idsOf))
        assert.deepStrictEqual(
          kept.filter((id) => !ids.has(id)),
          []
        )
        assert.isAbove(kept.length, 1000)
        assert.isTrue(ids.has("after"))
      }).pipe(Effect.provide(NodeEventBridge.layer)),
    // Twenty processes one after the other.
    240_000
  )
})
