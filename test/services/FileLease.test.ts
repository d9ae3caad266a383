import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Layer, Option, PlatformError, Scope } from "effect"
import { TestClock } from "effect/testing"
import { LeaseHeld } from "../../src/domain/Lease.ts"
import * as FileLease from "../../src/services/FileLease.ts"
import { Disk } from "./support/Disk.ts"
import { Machines, type Process } from "./support/Processes.ts"

const path = "/state/audit.jsonl"
const folder = `${path}.lease`

const start = () => new Machines(new Disk())

/** A process that takes the lease and keeps it until its scope is closed. */
const takenBy = Effect.fnUntraced(function* (machines: Machines, process: Process) {
  const scope = yield* Scope.make()
  const lease = yield* FileLease.acquire(path).pipe(Scope.provide(scope), Effect.provide(machines.layer(process)))
  return { ...lease, release: Scope.close(scope, Exit.void) }
})

const refused = (machines: Machines, process: Process) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(takenBy(machines, process))
    assert.instanceOf(error, LeaseHeld)
    return error
  })

const fileOf = (host: string, pid: number) =>
  JSON.stringify({
    id: `lease-${pid}`,
    owner: { host, pid, instance: `started-${pid}` },
    since: "2024-05-11T09:15:22.103Z"
  })

/** Waits before a number is created, after the listing that led to it. */
const atNumber = (wait: Effect.Effect<void>) => (step: string, file: string) =>
  (step === "link" || step === "writeFile") && /\/\d+$/.test(file) ? wait : Effect.void

const full = PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method: "open", description: "ENOSPC" })

describe("FileLease", () => {
  it.effect("is held by one process, and another one learns by whom, since when, and what to do", () =>
    Effect.gen(function* () {
      const machines = start()
      yield* TestClock.setTime(Date.parse("2024-05-11T09:15:22.103Z"))
      const { check } = yield* takenBy(machines, { pid: 4711 })
      yield* TestClock.adjust("10 minutes")
      const error = yield* refused(machines, { pid: 4712 })
      assert.strictEqual(
        error.message,
        "/state/audit.jsonl is in use by process 4711 on build-3, since 2024-05-11T09:15:22.103Z"
      )
      assert.include(error.hint, "Wait until it is done, or stop that process.")
      assert.deepStrictEqual(
        yield* FileLease.holder(path).pipe(Effect.provide(machines.layer({ pid: 1 }))),
        Option.some(error.holder)
      )
      yield* check
    })
  )

  it.effect("a process that holds it cannot take it a second time", () =>
    Effect.gen(function* () {
      const machines = start()
      yield* takenBy(machines, { pid: 1 })
      yield* refused(machines, { pid: 1 })
    })
  )

  it.effect("is free as soon as it is released", () =>
    Effect.gen(function* () {
      const machines = start()
      for (const pid of [1, 2, 3, 1]) {
        const { release } = yield* takenBy(machines, { pid, host: `host-${pid}` })
        yield* refused(machines, { pid: 9 })
        yield* release
        assert.isTrue(Option.isNone(yield* FileLease.holder(path).pipe(Effect.provide(machines.layer({ pid: 9 })))))
      }
      assert.isAtMost(machines.disk.names(folder).length, 2)
    })
  )

  it.effect("a dead owner's is taken at once", () =>
    Effect.gen(function* () {
      const machines = start()
      yield* takenBy(machines, { pid: 1 })
      machines.dead.add(1)
      yield* takenBy(machines, { pid: 2 })
      const error = yield* refused(machines, { pid: 3 })
      assert.strictEqual(error.holder.pid, 2)
    })
  )

  it.effect("one of which nothing is known is taken 30 s after its last sign of life", () =>
    Effect.gen(function* () {
      const machines = start()
      machines.disk.put(`${folder}/7`, fileOf("elsewhere", 1))
      const error = yield* refused(machines, { pid: 2 })
      assert.strictEqual(error.message, `${path} is in use by process 1 on elsewhere, since 2024-05-11T09:15:22.103Z`)
      yield* TestClock.adjust("29999 millis")
      yield* refused(machines, { pid: 2 })
      yield* TestClock.adjust("1 millis")
      yield* takenBy(machines, { pid: 2 })
      assert.include(machines.disk.text(`${folder}/8`), '"pid":2')
    })
  )

  it.effect("is kept for hours as long as its owner is alive, even for those who know nothing of the owner", () =>
    Effect.gen(function* () {
      const machines = start()
      const { check } = yield* takenBy(machines, { pid: 1, host: "elsewhere" })
      for (let minutes = 0; minutes < 180; minutes += 17) {
        yield* TestClock.adjust("17 minutes")
        yield* refused(machines, { pid: 2 })
        yield* check
      }
      assert.isAtMost(machines.disk.names(folder).length, 2)
    })
  )

  it.effect("one whose owner is alive, but suspended, is never taken on the same machine", () =>
    Effect.gen(function* () {
      const machines = start()
      machines.disk.put(`${folder}/1`, fileOf("build-3", 1))
      yield* TestClock.adjust("3 hours")
      yield* refused(machines, { pid: 2 })
    })
  )

  it.effect.each(["", "{", '{"owner":{"host":"build-3"}}', "null"])(
    "of a file that does not name its owner, %s, only the age counts",
    (content) =>
      Effect.gen(function* () {
        const machines = start()
        yield* TestClock.adjust("2 hours")
        machines.disk.put(`${folder}/3`, content, 7_200_000)
        yield* TestClock.adjust("29 seconds")
        const error = yield* refused(machines, { pid: 2 })
        assert.strictEqual(
          error.message,
          `${path} is in use by this or another process, since 1970-01-01T02:00:00.000Z`
        )
        yield* TestClock.adjust("1 seconds")
        yield* takenBy(machines, { pid: 2 })
      })
  )

  it.effect("an owner that slept while its lease was taken learns of it, and takes nothing from the new one", () =>
    Effect.gen(function* () {
      const machines = start()
      const awake = yield* Deferred.make<void>()
      let sleeps = false
      const before = () => (sleeps ? Deferred.await(awake) : Effect.void)
      const first = yield* takenBy(machines, { pid: 1, host: "elsewhere", before })
      sleeps = true
      yield* TestClock.adjust("31 seconds")
      const second = yield* takenBy(machines, { pid: 2 })
      yield* Deferred.succeed(awake, undefined)
      const error = yield* Effect.flip(first.lost)
      assert.strictEqual(error.message, `the lease on ${path} was lost: another process has taken it`)
      assert.strictEqual((yield* Effect.flip(first.check))._tag, "LeaseLost")
      assert.strictEqual((yield* Effect.flip(first.discard))._tag, "LeaseLost")
      yield* first.release
      yield* TestClock.adjust("1 hours")
      yield* second.check
      assert.strictEqual((yield* refused(machines, { pid: 3 })).holder.pid, 2)
    })
  )

  it.effect("an owner that slept while nobody took it keeps it", () =>
    Effect.gen(function* () {
      const machines = start()
      const awake = yield* Deferred.make<void>()
      const sleeping = { isAsleep: false }
      const before = () => (sleeping.isAsleep ? Deferred.await(awake) : Effect.void)
      const { check } = yield* takenBy(machines, { pid: 1, before })
      sleeping.isAsleep = true
      yield* TestClock.adjust("10 minutes")
      yield* Deferred.succeed(awake, undefined)
      yield* TestClock.adjust("10 seconds")
      yield* check
      assert.strictEqual((yield* refused(machines, { pid: 2, host: "elsewhere" })).holder.pid, 1)
    })
  )

  it.effect("a renewal that fails is tried again; if it keeps failing, the lease is lost", () =>
    Effect.gen(function* () {
      const machines = start()
      let failures = 0
      const before = (step: string) =>
        step === "writeFile" && failures > 0
          ? Effect.andThen(
              Effect.sync(() => failures--),
              Effect.fail(full)
            )
          : Effect.void
      const { check, lost } = yield* takenBy(machines, { pid: 1, host: "elsewhere", before })
      failures = 1
      yield* TestClock.adjust("60 seconds")
      yield* check
      yield* refused(machines, { pid: 2 })
      failures = 100
      yield* TestClock.adjust("29 seconds")
      const error = yield* Effect.flip(lost)
      assert.include(error.message, "it could not be renewed: Unknown: FileSystem.open: ENOSPC")
      assert.include(error.hint, "can be written")
    })
  )

  it.effect.each(["list", "list and remove"])(
    "a renewal that fails midway (%s) leaves nothing in its own way",
    (fails) =>
      Effect.gen(function* () {
        const machines = start()
        let isFaulty = false
        const before = (step: string) =>
          isFaulty && (step === "readDirectory" || (step === "remove" && fails === "list and remove"))
            ? Effect.fail(full)
            : Effect.void
        const { check, release } = yield* takenBy(machines, { pid: 1, before })
        yield* TestClock.adjust("9 seconds")
        isFaulty = true
        yield* TestClock.adjust("2 seconds")
        isFaulty = false
        yield* TestClock.adjust("1 minutes")
        yield* check
        yield* release
        yield* takenBy(machines, { pid: 1 })
      })
  )

  it.effect("a lease that a process could not release it can take itself once it has expired", () =>
    Effect.gen(function* () {
      const machines = start()
      let isFaulty = false
      const before = (step: string) => (isFaulty && step === "rename" ? Effect.fail(full) : Effect.void)
      const { release } = yield* takenBy(machines, { pid: 1, before })
      isFaulty = true
      yield* release
      yield* refused(machines, { pid: 1 })
      yield* TestClock.adjust("30 seconds")
      yield* refused(machines, { pid: 2 })
      yield* takenBy(machines, { pid: 1 })
    })
  )

  it.effect.each(["none", "lost-answer"] as const)("works where links are: %s", (links) =>
    Effect.gen(function* () {
      const machines = start()
      const { check, release } = yield* takenBy(machines, { pid: 1, links })
      yield* TestClock.adjust("1 minutes")
      yield* check
      yield* refused(machines, { pid: 2, links })
      yield* release
      yield* takenBy(machines, { pid: 2, links })
    })
  )

  it.effect.each(["made", "none"] as const)(
    "acting on an outdated listing takes no number used since; links: %s",
    (links) =>
      Effect.gen(function* () {
        for (const rounds of [1, 2, 3, 4]) {
          const machines = start()
          const once = Effect.flatMap(takenBy(machines, { pid: 1, links }), ({ release }) => release)
          yield* once
          const awake = yield* Deferred.make<void>()
          const late = yield* Effect.forkChild(
            Effect.result(takenBy(machines, { pid: 2, links, before: atNumber(Deferred.await(awake)) }))
          )
          yield* TestClock.adjust("1 millis")
          for (let round = 1; round < rounds; round++) yield* once
          const { check } = yield* takenBy(machines, { pid: 3, links })
          yield* Deferred.succeed(awake, undefined)
          assert.strictEqual((yield* Fiber.join(late))._tag, "Failure")
          const names = machines.disk.names(folder)
          assert.isAtMost(names.length, 2, names.join())
          yield* TestClock.adjust("1 minutes")
          yield* check
        }
      })
  )

  it.effect("a late comer to a lease that is free again takes the next number, and holds it", () =>
    Effect.gen(function* () {
      const machines = start()
      const awake = yield* Deferred.make<void>()
      const before = atNumber(Deferred.await(awake))
      const late = yield* Effect.forkChild(takenBy(machines, { pid: 2, links: "none", before }))
      yield* TestClock.adjust("1 millis")
      yield* Effect.flatMap(takenBy(machines, { pid: 1, links: "none" }), ({ release }) => release)
      yield* Deferred.succeed(awake, undefined)
      const { check } = yield* Fiber.join(late)
      assert.strictEqual((yield* refused(machines, { pid: 3 })).holder.pid, 2)
      yield* TestClock.adjust("1 minutes")
      yield* check
    })
  )

  it.effect("a lease that took too long to write is written again, and so is a renewal", () =>
    Effect.gen(function* () {
      const machines = start()
      let awake = yield* Deferred.make<void>()
      const before = atNumber(Effect.suspend(() => Deferred.await(awake)))
      const slow = yield* Effect.forkChild(takenBy(machines, { pid: 1, host: "elsewhere", before }))
      yield* TestClock.adjust("31 seconds")
      yield* Deferred.succeed(awake, undefined)
      const { check } = yield* Fiber.join(slow)
      yield* refused(machines, { pid: 2 })
      awake = yield* Deferred.make<void>()
      yield* TestClock.adjust("50 seconds")
      yield* Deferred.succeed(awake, undefined)
      yield* TestClock.adjust("1 millis")
      yield* refused(machines, { pid: 2 })
      yield* check
    })
  )

  it.effect("what a crash left is cleared away", () =>
    Effect.gen(function* () {
      const machines = start()
      machines.disk.put(`${folder}/0190.draft`, "{")
      machines.disk.put(`${folder}/1`, fileOf("build-3", 1))
      machines.disk.put(`${folder}/2.released`, fileOf("build-3", 1))
      yield* takenBy(machines, { pid: 2 })
      assert.deepStrictEqual(machines.disk.names(folder), ["2.released", "3"])
    })
  )

  it.effect("discarded, it leaves nothing, and can be taken again", () =>
    Effect.gen(function* () {
      const machines = start()
      const { discard, release } = yield* takenBy(machines, { pid: 1 })
      yield* discard
      yield* release
      assert.deepStrictEqual(machines.disk.names("/state"), [])
      yield* takenBy(machines, { pid: 2 })
      yield* refused(machines, { pid: 1 })
    })
  )

  it.live("on the files of this machine", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const real = `${yield* fs.makeTempDirectoryScoped()}/audit.jsonl`
      yield* Effect.scoped(
        Effect.gen(function* () {
          const lease = yield* FileLease.acquire(real)
          assert.instanceOf(yield* Effect.flip(FileLease.acquire(real)), LeaseHeld)
          yield* lease.check
        })
      )
      const lease = yield* FileLease.acquire(real)
      yield* lease.discard
      assert.isFalse(yield* fs.exists(`${real}.lease`))
    }).pipe(Effect.provide(Layer.fresh(NodeFileSystem.layer)))
  )
})
