import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { NodeEventBridge } from "../../src/node/index.ts"
import { ProcessIdentity } from "../../src/services/ProcessIdentity.ts"

const stateOf = (pid: number, changes: { readonly host?: string; readonly instance?: string } = {}) =>
  Effect.flatMap(ProcessIdentity, ({ self, stateOf: ask }) => ask({ ...self, pid, ...changes }))

const onNode = Effect.provide(NodeEventBridge.layer)

describe("NodeProcessIdentity", () => {
  it.effect("this process is alive, and one that had its pid before is dead", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* stateOf(process.pid), "alive")
      assert.strictEqual(yield* stateOf(process.pid, { instance: "of an earlier boot" }), "dead")
    }).pipe(onNode)
  )

  it.live("a child is alive until it ends; by another start time it is dead", () =>
    Effect.gen(function* () {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" })
      yield* Effect.promise(() => once(child, "spawn"))
      const pid = child.pid ?? 0
      const { self } = yield* ProcessIdentity
      // Linux tells when a process started; elsewhere a pid is all there is.
      const sees = process.platform === "linux" ? "dead" : "alive"
      assert.strictEqual(yield* stateOf(pid, { instance: self.instance }), sees)
      child.kill("SIGKILL")
      yield* Effect.promise(() => once(child, "exit"))
      assert.strictEqual(yield* stateOf(pid), "dead")
    }).pipe(onNode)
  )

  it.effect("nothing is known of a process elsewhere", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* stateOf(process.pid, { host: "elsewhere" }), "unknown")
    }).pipe(onNode)
  )

  it.live("nor of one on another machine of the same name, which may be alive although its pid is free here", () =>
    Effect.gen(function* () {
      const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" })
      yield* Effect.promise(() => once(child, "exit"))
      const { self } = yield* ProcessIdentity
      const host = self.host.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/, () => randomUUID())
      // Only Linux tells one boot from another.
      const sees = process.platform === "linux" ? "unknown" : "dead"
      assert.strictEqual(yield* stateOf(child.pid ?? 0, { host }), sees)
      assert.strictEqual(yield* stateOf(child.pid ?? 0), "dead")
    }).pipe(onNode)
  )

  it.effect("without Node only this process is known", () =>
    Effect.gen(function* () {
      const { self } = yield* ProcessIdentity
      assert.strictEqual(yield* stateOf(self.pid), "alive")
      assert.strictEqual(yield* stateOf(self.pid, { instance: "another" }), "unknown")
    })
  )
})
