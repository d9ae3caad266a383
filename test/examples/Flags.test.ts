import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { FaultPlan } from "../../src/emulator/index.ts"
import { run } from "./support/Program.ts"

describe("--help", () => {
  it.live.each(["replay.ts", "emulator.ts"])("of %s names every fault there is", (file) =>
    Effect.gen(function* () {
      const ended = yield* run(file, ["--help"])
      assert.strictEqual(ended.code, 0, ended.stderr)
      const help = ended.stdout.split("\n").find((line) => line.includes("--faults ")) ?? ""
      for (const name of ["none", "few", "all", "outage", "seed", ...FaultPlan.faultKinds]) assert.include(help, name)
    })
  )
})
