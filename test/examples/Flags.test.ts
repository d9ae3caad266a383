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

describe("a flag that cannot be meant is refused", () => {
  it.live.each([
    ["emulator.ts", "--port 0", "--host", ""],
    ["emulator.ts", "--port 0", "--topic", ""],
    ["emulator.ts", "--port 0", "--client-id", ""],
    ["emulator.ts", "--port 0", "--client-secret", ""],
    ["emulator.ts", "--port 0", "--subscriptions", "101"],
    ["observability/prometheus.ts", "--port 0", "--host", " "],
    ["subscriptions.ts", "get", "--id", ""]
  ] as const)("%s %s %s %j", ([file, others, flag, value]) =>
    Effect.gen(function* () {
      const ended = yield* run(file, [...others.split(" "), flag, value])
      assert.strictEqual(ended.code, 1, ended.stderr)
      assert.match(ended.stderr, new RegExp(`^(Missing|Invalid) value for flag ${flag}[.:] .*\nSee --help\\.\n$`))
      assert.strictEqual(ended.stdout, "")
    })
  )
})

describe("a program that is given nothing to do", () => {
  it.live("shows its help, and ends with 1", () =>
    Effect.gen(function* () {
      const ended = yield* run("audit.ts", [])
      assert.strictEqual(ended.code, 1)
      assert.include(ended.stdout + ended.stderr, "verify")
      assert.strictEqual((yield* run("audit.ts", ["--help"])).code, 0)
    })
  )
})
